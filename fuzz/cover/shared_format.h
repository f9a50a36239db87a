/* The file a program's counters live in while it runs: this header, and the counters at `offset`. One per module and
 * process, "<process>.<module>" in the folder named by COVER_VARIABLE. Same machine, same build: native integers. */
#ifndef FUZZ_COVER_SHARED_FORMAT_H
#define FUZZ_COVER_SHARED_FORMAT_H

#include <stdint.h>

#define COVER_SHARED_MAGIC "HCOVER1"

struct cover_shared_header {
    char magic[8];
    int64_t process;
    uint64_t module; /* 0: the program itself */
    uint64_t offset, length;
    char program[64];
};

#endif
