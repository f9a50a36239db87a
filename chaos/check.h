/* Checkers: pure functions from a history to a verdict, with a witness. */
#ifndef CHAOS_CHECK_H
#define CHAOS_CHECK_H

#include "chaos/history.h"

enum verdict { VERDICT_VALID, VERDICT_INVALID, VERDICT_UNKNOWN };
const char *verdict_name(enum verdict v);

struct check_result {
    enum verdict verdict;
    uint32_t key;      /* the key it fails at */
    size_t witness[4]; /* indices into the history: the smallest set that cannot be ordered */
    size_t witness_count;
    size_t checked;   /* operations judged */
    char reason[256]; /* one sentence */
};

/* Linearizability of registers with unique written values, key by key: the zone test of Gibbons and Korach ("Testing
 * shared memories", 1997), exact for unique values, O(n log n). A write whose end is unknown may take effect or not. */
int check_register(const struct history *h, struct check_result *out);
/* The same by exhaustive search (Wing and Gong, 1993), for cross-checking on small histories: at most 24 operations. */
int check_register_exhaustive(const struct history *h, struct check_result *out);
/* No acknowledged write may be gone: given the final reads (operations at or after `final_from`), every key's last
 * value must be one that no later acknowledged write must have replaced, and never absent once acknowledged. */
int check_lost_writes(const struct history *h, size_t final_from, struct check_result *out);

#endif
