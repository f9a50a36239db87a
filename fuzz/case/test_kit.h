/* For the tests of this folder: the contracts of proto/ with all their methods, and cases made in one line. */
#ifndef FUZZ_CASE_TEST_KIT_H
#define FUZZ_CASE_TEST_KIT_H

#include "base/test.h"

#include "fuzz/case/generate_case.h"
#include "proto/set.h"

#define KIT_METHODS_MAX 256

struct kit {
    struct pb_pool *pool;
    const struct pb_method *methods[KIT_METHODS_MAX];
    size_t method_count;
    struct text scratch, scratch_wire;
    struct case_source source;
};

static inline bool kit_init(struct kit *k)
{
    *k = (struct kit){0};
    if (pb_pool_new(proto_set(), "set", &k->pool, NULL) != 0)
        return false;
    for (size_t i = 0; i < pb_service_count(k->pool); i++)
        for (size_t m = 0; m < pb_service_at(k->pool, i)->method_count && k->method_count < KIT_METHODS_MAX; m++)
            k->methods[k->method_count++] = &pb_service_at(k->pool, i)->methods[m];
    k->source = (struct case_source){.pool = k->pool,
                                     .methods = k->methods,
                                     .method_count = k->method_count,
                                     .max = 4096,
                                     .scratch = &k->scratch,
                                     .scratch_wire = &k->scratch_wire};
    return k->method_count > 0;
}

static inline void kit_deinit(struct kit *k)
{
    text_deinit(&k->scratch);
    text_deinit(&k->scratch_wire);
    pb_pool_free(k->pool);
}

/* Before and after a group of tests that share one. */
static struct kit kit;

static inline int kit_load(void **state)
{
    (void)state;
    return kit_init(&kit) ? 0 : -1;
}

static inline int kit_unload(void **state)
{
    (void)state;
    kit_deinit(&kit);
    return 0;
}

static inline void kit_parse(const char *script, struct fuzz_case *out)
{
    struct error err = ERROR_INIT;
    if (fuzz_case_parse(bytes_of(script), "case", kit.pool, out, &err))
        fail_msg("%d:%d: %s", err.line, err.column, err.message);
}

/* The wire form of a message given as JSON. */
static inline bool kit_wire(const struct kit *k, const char *type, const char *json, struct text *out)
{
    const struct pb_type *t = pb_find_type(k->pool, type);
    text_clear(out);
    return t && pb_json_to_wire(t, bytes_of(json), 0, out, NULL) == 0;
}

/* An event with every part drawn by chance, for what must hold for any event at all. */
static inline int kit_any_event(struct random *r, struct fuzz_case *c)
{
    uint8_t bytes[80];
    struct fuzz_event e = {.kind = (uint8_t)(1 + random_below(r, EVENT_KIND_COUNT - 1)),
                           .lane = (uint8_t)random_below(r, LANE_COUNT),
                           .flags = (uint16_t)(random_below(r, 3) ? 0 : random_next(r)),
                           .call = (uint32_t)(random_below(r, 3) ? random_below(r, 4) : random_next(r)),
                           .number = random_below(r, 3) ? random_below(r, 300) : random_next(r)};
    if (random_below(r, 12) == 0)
        e.kind = (uint8_t)random_next(r);
    random_bytes(r, bytes, sizeof bytes);
    for (size_t i = 0; i < sizeof bytes && random_below(r, 2); i++)
        bytes[i] = (uint8_t)(' ' + bytes[i] % 95);
    return fuzz_case_add(c, &e, BYTES(bytes, random_below(r, 20)), BYTES(bytes + 20, random_below(r, 60)));
}

#endif
