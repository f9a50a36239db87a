/* A history: what clients asked of the system and what they learnt, in the order it happened. Jepsen's terms: every
 * operation is invoked, and ends ok (it happened), fail (it did not), or info (nobody knows; it may still happen).
 * Stored as JSON lines; docs/histories.md. */
#ifndef CHAOS_HISTORY_H
#define CHAOS_HISTORY_H

#include "base/error.h"
#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum operation_kind { OPERATION_READ, OPERATION_WRITE };
enum operation_end { END_OPEN, END_OK, END_FAIL, END_INFO };

struct operation {
    int32_t process; /* client; one operation at a time each; a client whose end is info gets a new number */
    enum operation_kind kind;
    uint32_t key;
    int64_t value; /* written or read; 0: absent. Written values are unique and above 0 */
    enum operation_end end;
    uint64_t invoked, ended; /* ns; `ended` UINT64_MAX while open or info */
};
struct history {
    struct operation *operations; /* by invocation time */
    size_t count, capacity;
};

void history_init(struct history *h);
void history_deinit(struct history *h);
/* The index of the new operation, or a negative code. */
int64_t history_invoke(struct history *h, int32_t process, enum operation_kind kind, uint32_t key, int64_t value,
                       uint64_t now);
void history_end(struct history *h, int64_t index, enum operation_end end, int64_t value, uint64_t now);
int history_write(const struct history *h, struct text *out);
int history_read(const char *data, size_t len, const char *name, struct history *out, struct error *err);

#endif
