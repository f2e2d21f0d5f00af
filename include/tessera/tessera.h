/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tessera.h: everything an embedder calls.  What an embedder supplies is in port.h.
 */
#ifndef TESSERA_H
#define TESSERA_H

#include <tessera/types.h>
#include <tessera/config.h>
#include <tessera/machine.h>
#include <tessera/object.h>
#include <tessera/space.h>
#include <tessera/map.h>
#include <tessera/stats.h>
#include <tessera/debug.h>

#define TESSERA_VERSION_MAJOR 0
#define TESSERA_VERSION_MINOR 1
#define TESSERA_VERSION_PATCH 0
#define TESSERA_VERSION       "0.1.0"

#endif
