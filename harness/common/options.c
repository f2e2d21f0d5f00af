/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * options.c: words of the kernel command line: "only=stress seed=7 keep-going".
 */
#include <tessera/port.h>
#include "harness.h"

static const char *options_line = "";

void
bare_options_set(const char *line)
{
	options_line = line;
}

/* Behind `name` where a word begins with it; NULL: no such word. */
static const char *
options_find(const char *name)
{
	for (const char *s = options_line; *s != '\0';) {
		const char *n = name;

		while (*s == ' ')
			s++;
		while (*n != '\0' && *s == *n)
			s++, n++;
		if (*n == '\0' && (*s == ' ' || *s == '\0' || *s == '='))
			return s;
		while (*s != ' ' && *s != '\0')
			s++;
	}
	return NULL;
}

bool
bare_option(const char *name)
{
	return options_find(name) != NULL;
}

uint64_t
bare_option_number(const char *name, uint64_t otherwise)
{
	const char *s = options_find(name);
	uint64_t v = 0;

	if (s == NULL || s[0] != '=' || s[1] < '0' || s[1] > '9')
		return otherwise;
	for (s++; *s >= '0' && *s <= '9'; s++)
		v = v * 10 + (uint64_t)(*s - '0');
	return v;
}

bool
bare_option_is(const char *name, const char *value)
{
	const char *s = options_find(name);

	if (s == NULL || *s != '=')
		return true;
	for (s++; *value != '\0' && *s == *value; s++)
		value++;
	return *value == '\0' && (*s == ' ' || *s == '\0');
}
