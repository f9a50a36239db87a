/* Appends of texts, in three steps: what a key's operations put, appended and read (appends.c), the slots its reads
 * show (append_slots.c), which append filled which (append_fill.c). Internal to these. */
#ifndef CHAOS_HISTORY_APPEND_INTERNAL_H
#define CHAOS_HISTORY_APPEND_INTERNAL_H

#include "chaos/history/edn_history.h"

/* What an operation of a key put, appended or read. */
struct item {
    uint32_t key;
    const char *text; /* copied: interning moves what the history holds */
    size_t len;
    size_t operation;
    uint64_t invoked, ended; /* of reads of one text: the latest and the earliest */
};
typedef ARRAY(struct item) item_array;

struct slot {
    const struct item *read;
    const struct item *token; /* the first append of this text */
    size_t start, end;
    uint64_t earliest, latest; /* when it was filled, at most */
    bool needed;               /* nothing else can have written this text */
    bool again;                /* the key may have held what stands before it more than once */
};

struct resolver {
    struct history *history;
    const char *name;
    item_array appends, reads, puts; /* by key and text */
    item_array emptied;              /* puts of "" */
    item_array seen;                 /* all reads, whatever they saw */
    ARRAY(char *) texts;             /* what the items' texts are in; owned */
    ARRAY(struct slot) slots;        /* of one key */
    ARRAY(size_t) prefixes;          /* reads whose text the one at hand begins with */
    uint32_t key;
    /* Of the key: where its items stand. */
    size_t append_end, put, put_end, emptied_start, emptied_end, seen_start, seen_end;
    bool empty_again;   /* "" was put to the key */
    uint64_t first_end; /* when the first change of the key had taken effect, at the latest */
};

int append_no_memory(struct error *err);
int append_refuse(const struct resolver *r, const struct item *x, struct error *err, const char *what);
int append_compare(const char *a, size_t a_len, const char *b, size_t b_len);
bool append_same(const struct item *x, const struct item *y);
/* The first of the items [from, to) whose text `text` begins with; they are sorted, and none begins with another. */
const struct item *append_token(const struct item *items, size_t from, size_t to, const char *text, size_t len);

/* All slots of the resolver's key, by text. `append`: its first append; *read: where to look for its reads. */
int append_find_slots(struct resolver *r, size_t append, size_t *read);
/* All appends of one text, and the slots it was read in. */
int append_fill(struct resolver *r, const struct item *appends, size_t append_count, const struct slot *slots,
                size_t count, struct error *err);
/* Where the items of a key begin among all, at or behind `from`. */
size_t append_start_of_key(const item_array *a, size_t from, uint32_t key);

#endif
