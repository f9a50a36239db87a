/* A saved state of this process's memory, gone back to in microseconds: for fuzzing, where starting a system costs as
 * much as a hundred inputs and every input should find the same system.
 *
 * What belongs to the system is told apart from what belongs to its fuzzer: between saved_enter() and saved_leave()
 * malloc() and its family take from a zone, a range of addresses that is the same in every run; else from the C
 * library. Saved are the zone and the writable data of the program and its libraries, without the C library's own and
 * without what saved_except() names (counters of coverage).
 *
 * Taking a state makes all that memory read-only. The first write to a page faults once: the handler keeps a copy,
 * makes the page writable and remembers it. Going back copies the kept pages over the remembered ones; they stay
 * writable, so that what every run touches costs a copy of 4 KiB and no fault. What is allocated afresh behind the
 * zone's end is not kept at all. States nest: a second one, taken in the middle of a run, keeps the remembered pages as
 * they are then. After the idea of AFL++'s and Nyx's snapshots (Schumilo et al., USENIX Security 2021, incremental
 * snapshots), without a kernel module or a virtual machine.
 *
 * One thread, and no system calls that write into saved memory: a simulated world has neither. The stack is not saved:
 * no frame may stand on it that a state went back on pulls the rug from. Linking this library replaces malloc() in the
 * whole program. Not with sanitizers, libFuzzer or AFL++, which keep state of their own there: saved_possible() is
 * false then, and all else does nothing.
 */
#ifndef WORLD_SAVED_H
#define WORLD_SAVED_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SAVED_ZONE   ((size_t)1 << 30)  /* bytes of addresses; memory is taken as it is touched */
#define SAVED_PAGES  ((size_t)1 << 15)  /* distinct pages that are written to; more end the program */
#define SAVED_FRESH  ((size_t)64 << 20) /* bytes allocated before level 1 is taken */
#define SAVED_LEVELS 2

bool saved_possible(void);
void saved_enter(void); /* may be nested */
void saved_leave(void);
/* [start, end) is left as it is; what shares its first and last page is not. Before saved_take(0), each time. A stack
 * for signals (sigaltstack) is left out by itself. */
void saved_except(const void *start, const void *end);
/* Level 0, once; or 1, within a run that began at level 0. ERROR_MEMORY, ERROR_LIMIT, ERROR_UNSUPPORTED. */
int saved_take(unsigned level);
void saved_back(unsigned level); /* from wherever; level 1 is forgotten when it goes back to 0 */
bool saved_has(unsigned level);
void saved_end(void); /* memory stays as it is and is no longer watched */

/* The n-th allocation in the zone from now fails, once; 0: none does. */
void saved_fail(uint64_t n);
size_t saved_in_use(void); /* bytes the zone's allocations hold */
size_t saved_pages(void);  /* remembered: what going back costs */

#endif
