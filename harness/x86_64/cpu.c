/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cpu.c: segments, interrupt vectors and stacks of one processor, and the tables it runs on.
 *
 * Non-maskable interrupts and double faults have a stack of their own (IST), so that a ruined stack is
 * still reported.  Everything else runs on the stack it interrupted.
 */
#include <tessera/port.h>
#include <tessera/pmap.h>
#include "bare.h"
#include "harness.h"
#include "x86.h"
#include "env.h"

_Static_assert(((BARE_DIRECT_BASE >> 39) & 511) == X86_DIRECT_SLOT,
	       "boot.S maps the direct map there");

const struct tess_pmap_ops *const bare_pmap = &tess_pmap_x86_64;
const unsigned bare_isa = ENV_X86_64;

#define CPU_IST_BYTES 8192

struct cpu_tss {
	uint32_t reserved0;
	uint64_t rsp[3];
	uint64_t reserved1;
	uint64_t ist[7];
	uint64_t reserved2;
	uint16_t reserved3, iomap;
} __attribute__((packed));

struct cpu_gate {
	uint16_t offset_lo, selector;
	uint8_t ist, type;
	uint16_t offset_mid;
	uint32_t offset_hi, reserved;
};

struct cpu_table_register {
	uint16_t limit;
	uint64_t base;
} __attribute__((packed));

struct cpu_tables {
	uint64_t gdt[6];
	struct cpu_tss tss;
	uint8_t ist[2][CPU_IST_BYTES] __attribute__((aligned(16)));
};

static struct cpu_tables cpu_tables[TESS_CPU_MAX];
static struct cpu_gate cpu_idt[256];

/* Interrupt gates: every handler begins with interrupts off.  SDM volume 3, section 6.14. */
static void
cpu_idt_fill(void)
{
	for (unsigned v = 0; v < 256; v++) {
		uint64_t at = (uint64_t)(uintptr_t)x86_vectors + 16 * v;

		cpu_idt[v] = (struct cpu_gate){
		    .offset_lo = (uint16_t)at,
		    .selector = X86_SEL_CODE64,
		    .ist = v == 8   ? 1
			   : v == 2 ? 2
				    : 0,
		    .type = 0x8e,
		    .offset_mid = (uint16_t)(at >> 16),
		    .offset_hi = (uint32_t)(at >> 32),
		};
	}
}

static void
cpu_gdt_fill(struct cpu_tables *t)
{
	uint64_t tss = (uint64_t)(uintptr_t)&t->tss, limit = sizeof(t->tss) - 1;

	t->gdt[X86_SEL_CODE64 / 8] = 0x00af9b000000ffff;
	t->gdt[X86_SEL_DATA / 8] = 0x00cf93000000ffff;
	t->gdt[X86_SEL_TSS / 8] =
	    limit | (tss & 0xffffff) << 16 | (uint64_t)0x89 << 40 | (tss >> 24 & 0xff) << 56;
	t->gdt[X86_SEL_TSS / 8 + 1] = tss >> 32;
	t->tss.iomap = sizeof(t->tss);
	t->tss.ist[0] = (uint64_t)(uintptr_t)t->ist[1];
	t->tss.ist[1] = (uint64_t)(uintptr_t)t->ist[1] + CPU_IST_BYTES;
}

/* Every root that is loaded carries the kernel half; two CPUs that write it write the same words. */
static void
cpu_table_loading(tess_pa root)
{
	uint64_t *slot = tess_port_direct(root);

	slot[X86_DIRECT_SLOT] = x86_kernel_root[X86_DIRECT_SLOT];
	slot[X86_KERNEL_SLOT] = x86_kernel_root[X86_KERNEL_SLOT];
}

void
x86_cpu_init(unsigned cpu)
{
	struct cpu_tables *t = &cpu_tables[cpu];
	struct cpu_table_register gdt = {sizeof(t->gdt) - 1, (uint64_t)(uintptr_t)t->gdt};
	struct cpu_table_register idt = {sizeof(cpu_idt) - 1, (uint64_t)(uintptr_t)cpu_idt};

	cpu_gdt_fill(t);
	if (cpu == 0) {
		cpu_idt_fill();
		tess_bare_table_loading = cpu_table_loading;
	}
	__asm__ volatile("lgdt %0; ltr %w1; lidt %2"
			 :
			 : "m"(gdt), "r"(X86_SEL_TSS), "m"(idt)
			 : "memory");
	bare_cr3_set(X86_PHYS((uint64_t)(uintptr_t)x86_kernel_root));
	bare_cpu_load(tess_bare_cpu_init(cpu));
}

void
bare_irq_off(void)
{
	x86_irq_off();
}

void
bare_irq_on(void)
{
	x86_irq_on();
}

void
bare_irq_on_halt(void)
{
	x86_irq_on_halt();
}

/* As bare_stack_switch() leaves a stack: r15 lowest, then the address it returns to. */
uint64_t
bare_stack_frame(uint64_t *top, void (*fn)(void *), void *arg)
{
	uint64_t *sp = top - 7;

	memset(sp, 0, 7 * sizeof(*sp));
	sp[3] = (uint64_t)(uintptr_t)fn;              /* r12 */
	sp[2] = (uint64_t)(uintptr_t)arg;             /* r13 */
	sp[6] = (uint64_t)(uintptr_t)x86_stack_first; /* access.S */
	return (uint64_t)(uintptr_t)sp;
}

/* From boot.S, on the first CPU, in long mode, interrupts off. */
void
x86_main(void)
{
	x86_serial_init();
	x86_cpu_init(0);
	x86_pvh_parse(x86_start_info);
	x86_outb(0x21, 0xff); /* the old interrupt controllers are not used */
	x86_outb(0xa1, 0xff);
	x86_clock_init();
	x86_lapic_init();
	x86_irq_on();
	x86_smp_start();
	bare_main();
}
