#include "fuzz/live/stored.h"

/* Plain bytes say nothing about a method: they are left out. */
static const struct fuzz_target live_target = {.name = "live", .summary = "a running system"};

int stored_open(struct stored *s, struct world *files, const char *folder, uint64_t seed, struct error *err)
{
    *s = (struct stored){.started = world_now(files)};
    return folder ? fuzz_corpus_open(&s->corpus, files, folder, &live_target, seed, err) : 0;
}

void stored_close(struct stored *s)
{
    if (s->corpus.folder)
        fuzz_corpus_close(&s->corpus);
}

struct import {
    struct stored *store;
    struct maker *maker;
};

static int each(void *arg, const struct fuzz_case *fresh, const char *name)
{
    struct import *i = arg;
    bool taken = fuzz_case_calls(fresh) > 0 && maker_store(i->maker, fresh);
    (void)name;
    i->store->imported += taken;
    i->store->left_out += !taken;
    return 0;
}

int stored_import(struct stored *s, struct maker *m, struct error *err)
{
    struct import i = {s, m};
    return s->corpus.folder ? fuzz_corpus_scan(&s->corpus, each, &i, err) : 0;
}

int stored_keep(struct stored *s, const struct made *made, const char *why, int64_t execution, uint64_t now,
                struct error *err)
{
    if (!s->corpus.folder || made->source == MAKER_STORED)
        return 0;
    struct record r = {.head = {.hash = fuzz_case_hash(&made->c),
                                .parent = made->parent,
                                .what = why ? why : made_by(made),
                                .lane = made_lane(&made->c),
                                .execution = (uint64_t)execution,
                                .time = now - s->started}};
    record_set_case(&r, &made->c);
    int rc = fuzz_corpus_add(&s->corpus, &r, err);
    s->kept += rc == 0;
    if (rc)
        stored_close(s);
    return rc;
}
