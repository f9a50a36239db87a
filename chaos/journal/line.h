/* Lines of the journal: text with a checksum at its end. Used by this folder only. */
#ifndef CHAOS_JOURNAL_LINE_H
#define CHAOS_JOURNAL_LINE_H

#include "base/hash.h"
#include "base/text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define LINE_SUM " #"

static inline uint64_t line_sum(const char *data, size_t len)
{
    return hash_add(HASH_START, BYTES(data, len));
}

/* Ends the line that began at `from`. */
static inline void line_end(struct text *out, size_t from)
{
    uint64_t sum = text_ok(out) ? line_sum(out->data + from, out->len - from) : 0;
    text_printf(out, LINE_SUM "%016" PRIx64 "\n", sum);
}

/* Cuts the checksum off; false when it is not there or not right. */
static inline bool line_check(char *line)
{
    size_t len = strlen(line), tail = strlen(LINE_SUM) + 16;
    char *end = NULL;
    if (len < tail || strncmp(line + len - tail, LINE_SUM, strlen(LINE_SUM)) != 0)
        return false;
    uint64_t sum = strtoull(line + len - 16, &end, 16);
    line[len - tail] = '\0';
    return *end == '\0' && sum == line_sum(line, len - tail);
}

#endif
