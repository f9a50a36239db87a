#include "fuzz/loop/verdict.h"

#include "base/hash.h"
#include "fuzz/case/shrink.h"
#include "fuzz/loop/worker_internal.h"
#include "world/worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FULL_PAUSE   ((uint64_t)1000000) /* ns between two looks whether the parent took the last one */
#define SHRINK_TWICE 2 /* a verdict whose candidates killed so many workers is told without being made smaller */

static uint64_t mix(uint64_t sum, struct bytes b)
{
    return hash_step(hash_add(sum, b), 0xff);
}

uint64_t verdict_signature(const struct fuzz_trace *t)
{
    return mix(mix(HASH_START, bytes_of(t->oracle)), fuzz_trace_bytes(t, t->blamed));
}

void verdict_print(const struct fuzz_trace *t, struct text *out)
{
    struct bytes blamed = fuzz_trace_bytes(t, t->blamed), why = fuzz_trace_bytes(t, t->why);
    text_printf(out, "OracleSanitizer: %s\n    #0 0x0 in ", t->oracle);
    if (blamed.len)
        text_add(out, blamed.data, blamed.len);
    else
        text_puts(out, "target");
    text_puts(out, "\n\n");
    if (why.len)
        text_add(out, why.data, why.len);
    text_char(out, '\n');
}

void verdict_run(const struct fuzz_target *target, void *state, const struct fuzz_case *c, struct fuzz_trace *t)
{
    fuzz_trace_clear(t);
    target->run(state, c, t);
    if (t->oracle) {
        struct text report = TEXT_INIT;
        verdict_print(t, &report);
        fprintf(stderr, "%s", text_string(&report));
        abort();
    }
}

struct judging {
    struct worker *w;
    uint64_t signature;
};

static bool still(void *arg, const struct fuzz_case *c)
{
    struct judging *j = arg;
    if (worker_is_over(j->w->shared))
        return false;
    worker_run(j->w, c);
    return j->w->trace.oracle && verdict_signature(&j->w->trace) == j->signature;
}

static void keep_text(char *to, size_t size, struct bytes from)
{
    size_t len = from.len < size - 1 ? from.len : size - 1;
    if (len)
        memcpy(to, from.data, len);
    to[len] = '\0';
}

static void keep_words(struct worker_verdict *v, const struct fuzz_trace *t)
{
    v->oracle = t->oracle;
    keep_text(v->blamed, sizeof v->blamed, fuzz_trace_bytes(t, t->blamed));
    keep_text(v->why, sizeof v->why, fuzz_trace_bytes(t, t->why));
}

static bool is_known(const struct worker_shared *s, uint64_t signature)
{
    for (uint32_t i = 0; i < s->verdict_count; i++)
        if (s->verdicts[i] == signature)
            return true;
    return s->verdict_count == WORKER_VERDICTS;
}

/* What the trace says is new: its words stand in the block now, once the parent has taken the last one. */
static bool is_news(struct worker *w)
{
    struct worker_shared *s = w->shared;
    struct worker_verdict *v = &s->verdict;
    if (!w->trace.oracle)
        return false;
    uint64_t signature = verdict_signature(&w->trace);
    if (is_known(s, signature)) {
        s->verdicts_same++;
        return false;
    }
    while (atomic_load_explicit(&v->full, memory_order_acquire))
        world_worker_pause(FULL_PAUSE);
    keep_words(v, &w->trace);
    v->signature = signature;
    return true;
}

/* The block's words, of the case in w->judged, to the parent. */
static void give(struct worker *w)
{
    struct worker_shared *s = w->shared;
    struct worker_verdict *v = &s->verdict;
    s->verdicts[s->verdict_count++] = v->signature;
    v->event_count = (uint32_t)w->judged.events.count;
    v->data_len = (uint32_t)w->judged.data.len;
    if (v->event_count)
        memcpy(v->events, w->judged.events.items, v->event_count * sizeof *v->events);
    if (v->data_len)
        memcpy(v->data, w->judged.data.data, v->data_len);
    atomic_store_explicit(&v->full, true, memory_order_release);
}

bool verdict_suspected(struct worker *w)
{
    return is_news(w);
}

int verdict_of_suspect(struct worker *w, const struct fuzz_case *c)
{
    struct worker_verdict *v = &w->shared->verdict;
    v->how = w->shared->running_how;
    v->parent = w->shared->running_parent;
    v->execution = atomic_load_explicit(&w->shared->executions, memory_order_relaxed);
    worker_run(w, c);
    if (w->trace.oracle)
        return verdict_judge(w, c);
    v->confirmed = false;
    v->tries = v->steps = 0;
    int rc = fuzz_case_copy(&w->judged, c);
    if (rc == 0)
        give(w);
    return rc;
}

int verdict_judge(struct worker *w, const struct fuzz_case *c)
{
    struct worker_shared *s = w->shared;
    struct worker_verdict *v = &s->verdict;
    if (!is_news(w))
        return 0;
    struct judging j = {.w = w, .signature = v->signature};
    int rc = fuzz_case_copy(&w->judged, c);
    if (rc)
        return rc;
    v->how = s->running_how;
    v->parent = s->running_parent;
    v->execution = atomic_load_explicit(&s->executions, memory_order_relaxed);
    v->tries = v->steps = 0;
    s->verdict_tries = s->verdict_tried == j.signature ? s->verdict_tries + 1 : 1;
    s->verdict_tried = j.signature;
    v->confirmed = still(&j, &w->judged);
    if (v->confirmed && w->shrink && s->verdict_tries <= SHRINK_TWICE) {
        struct fuzz_shrunk did = {0};
        rc = fuzz_shrink(&w->judged, w->contracts, still, &j, w->shrink, &did);
        if (rc == ERROR_MEMORY)
            return rc;
        v->tries = did.tries;
        v->steps = did.steps;
        if (still(&j, &w->judged)) /* the words of what is told, not of what was tried last */
            keep_words(v, &w->trace);
    }
    give(w);
    return 0;
}
