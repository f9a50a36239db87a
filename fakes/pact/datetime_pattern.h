/* Patterns of dates, piece by piece: what reading and printing share. Private to fakes/pact/datetime*.c. */
#ifndef FAKES_PACT_DATETIME_PATTERN_H
#define FAKES_PACT_DATETIME_PATTERN_H

#include "fakes/pact/datetime.h"

#include <stdbool.h>

#define PATTERN_DEPTH_MAX 16 /* optional parts in each other */

struct piece {
    char letter;    /* '[', ']': an optional part begins, ends; 0: the text */
    unsigned count; /* of the letter */
    unsigned pad;   /* the least width, filled with blanks in front; 0: none */
    const char *text;
    size_t len;
};

struct pattern {
    const char *at;
    bool quoted;
    int depth;
    const char *why; /* what is wrong at that place */
};

/* The next piece: of text one character. False: the end, or `why`. A part may be left open at the end. */
bool pattern_next(struct pattern *p, struct piece *out);
bool pattern_letter(char c);

extern const char *const DATE_MONTHS[12], *const DATE_DAYS[7], *const DATE_QUARTERS[4], *const DATE_ERAS[2];

#endif
