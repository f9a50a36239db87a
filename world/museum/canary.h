/* The file through which a program with planted bugs tells whoever started it what became of the one that is switched
 * on: made by the latter, mapped by every process of the former. In the machine's byte order: it never leaves it. */
#ifndef WORLD_MUSEUM_CANARY_H
#define WORLD_MUSEUM_CANARY_H

#include <stdint.h>

#define MUSEUM_VARIABLE        "MICRO_MUSEUM"        /* the name of the bug that is switched on */
#define MUSEUM_WATCH           "*"                   /* in its place: none is, and all are counted */
#define MUSEUM_CANARY_VARIABLE "MICRO_MUSEUM_CANARY" /* the path of this file; not set: nothing is counted */
#define MUSEUM_CANARY_MAGIC    "museum2"
#define MUSEUM_BUGS_MAX        256

/* 0 or 1, set once and never taken back. */
struct museum_canary {
    char magic[8];
    struct {
        uint8_t reached, triggered;
    } bugs[MUSEUM_BUGS_MAX]; /* by the bug's number, from 1 */
};

#endif
