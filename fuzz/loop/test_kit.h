/* For the tests of this folder that run whole loops: counters made by hand, and what was found. */
#ifndef FUZZ_LOOP_TEST_KIT_H
#define FUZZ_LOOP_TEST_KIT_H

#include "base/test.h"

#include "fuzz/loop/loop.h"
#include "fuzz/loop/mutator.h"

#include <stdio.h>

#define FOUND_MAX 16

/* What the first event of bytes says; of a case that is plain bytes, all of it. */
static inline struct bytes payload(const struct fuzz_case *c)
{
    for (size_t i = 0; i < c->events.count; i++)
        if (c->events.items[i].kind == EVENT_BYTES)
            return fuzz_case_bytes(c, c->events.items[i].value);
    return BYTES_NONE;
}

struct found {
    size_t count;
    struct {
        enum fuzz_end end;
        bool confirmed;
        char bytes[16], text[200]; /* the beginning of the payload; what was said of it */
    } items[FOUND_MAX];
};

/* For fuzz_loop_config.found; arg: a struct found. */
static inline void keep_found(void *arg, const struct fuzz_found *f)
{
    struct found *all = arg;
    struct bytes b = payload(f->c);
    assert_true(all->count < FOUND_MAX);
    all->items[all->count].end = f->end;
    all->items[all->count].confirmed = f->confirmed;
    snprintf(all->items[all->count].bytes, 16, "%.*s", (int)b.len, b.len ? (const char *)b.data : "");
    snprintf(all->items[all->count++].text, 200, "%s", f->text);
}

static inline struct cover *cover_of(uint8_t *edges, size_t count)
{
    struct cover *c = cover_new();
    assert_non_null(c);
    if (count)
        assert_int_equal(cover_add_region(c, edges, edges + count), 0);
    return c;
}

/* A campaign of its own, counted by those edges; 0: by none. */
static inline struct fuzz_loop_stats run_counted(struct fuzz_loop_config *config, uint8_t *edges, size_t count)
{
    struct fuzz_loop_stats stats;
    config->cover = cover_of(edges, count);
    assert_int_equal(fuzz_loop_run(config, NULL, &stats, NULL), 0);
    cover_free(config->cover);
    return stats;
}

#endif
