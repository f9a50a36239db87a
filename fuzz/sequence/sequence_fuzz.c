/* Any bytes as a case with its answers: first as a refusal's text and details, then as a case file whose trace is made
 * of what is left. Learning and judging take whatever comes. */
#include "fuzz/sequence/check.h"
#include "fuzz/sequence/refusal.h"
#include "fuzz/sequence/sequence.h"
#include "proto/set.h"
#include "wire/grpc_fuzz.h"

#include <stdlib.h>

static struct pb_pool *pool;
static struct sequence_graph *graph;
static struct sequence *sequence;

static void at_exit(void)
{
    sequence_free(sequence);
    sequence_graph_free(graph);
    pb_pool_free(pool);
}

static void count(void *arg, const struct sequence_checker *checker, const struct sequence_finding *f)
{
    (void)arg;
    if (!checker->name || !text_ok(&f->why))
        abort();
}

static void feature(void *arg, uint64_t number)
{
    *(uint64_t *)arg ^= number;
}

static void judge(const struct fuzz_case *c, struct bytes input)
{
    struct fuzz_trace t = FUZZ_TRACE_INIT;
    struct sequence_plan plan = {.calls = 0};
    uint64_t features = 0;
    size_t calls = fuzz_case_calls(c);
    for (uint32_t i = 0; i < calls && i < 64; i++) {
        uint8_t how = fuzz_byte(&input);
        struct trace_call call = {.method = fuzz_case_method(c, i, pool), .status = how % 18 - 1};
        call.ended_by_us = (how & 64) != 0;
        call.text = fuzz_trace_keep(&t, fuzz_take(&input, fuzz_byte(&input)));
        call.first_reply = (uint32_t)t.replies.count;
        if (how & 128) {
            struct trace_reply reply = {.call = i, .body = fuzz_trace_keep(&t, fuzz_take(&input, fuzz_byte(&input)))};
            call.replies = array_push(&t.replies, reply) ? 1U : 0U;
        }
        if (!array_push(&t.calls, call))
            abort();
    }
    if (sequence_check(graph, c, &t, count, NULL) < 0)
        abort();
    sequence_features(&t, feature, &features);
    sequence_learn(sequence, c, &t, NULL);
    /* With a plan of the same methods, so that sources are credited and blamed. */
    for (size_t i = 0; i < t.calls.count && plan.calls < SEQUENCE_PLAN_MAX; i++) {
        int m = t.calls.items[i].method ? sequence_graph_find(graph, t.calls.items[i].method->path) : -1;
        if (m < 0)
            break;
        plan.call[plan.calls].method = (uint16_t)m;
        for (size_t l = 0; l < SEQUENCE_LEAVES_MAX; l++)
            plan.call[plan.calls].source[l] = fuzz_byte(&input) % (SOURCE_COUNT + 1);
        plan.calls++;
    }
    sequence_learn(sequence, c, &t, &plan);
    fuzz_trace_deinit(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes input = BYTES(data, size);
    struct fuzz_case c = FUZZ_CASE_INIT;
    struct sequence_plan plan;
    struct refusal r;
    if (!pool &&
        (pb_pool_new(proto_set(), "set", &pool, NULL) != 0 || sequence_graph_new(pool, NULL, &graph, NULL) != 0 ||
         sequence_new(graph, NULL, &sequence, NULL) != 0 || atexit(at_exit) != 0))
        abort();
    size_t method = fuzz_byte(&input) % graph->method_count, status = fuzz_byte(&input) % 17;
    refusal_read(graph, method, (int)status, input, input, &r);
    if (r.leaf >= (int)sequence_input(graph, method)->count)
        abort();
    struct bytes file = fuzz_take(&input, (size_t)fuzz_byte(&input) * 4);
    if (fuzz_case_read(file, &c, NULL) == 0)
        judge(&c, input);
    /* And a case of its own making. */
    if (sequence_next(sequence, &c, &plan) != 0)
        abort();
    judge(&c, input);
    fuzz_case_deinit(&c);
    return 0;
}
