#include "harrow/contract/calls.h"

#include "wire/pb.h"

#include <string.h>

static struct contract_call *row_of(struct contract_calls *c, const char *consumer, const char *provider,
                                    const char *method)
{
    for (size_t i = 0; i < c->rows.count; i++) {
        struct contract_call *row = &c->rows.items[i];
        if (strcmp(row->consumer, consumer) == 0 && strcmp(row->provider, provider) == 0 &&
            strcmp(row->method, method) == 0)
            return row;
    }
    struct contract_call row = {.consumer = arena_string(&c->arena, consumer),
                                .provider = arena_string(&c->arena, provider),
                                .method = arena_string(&c->arena, method)};
    if (row.consumer == NULL || row.provider == NULL || row.method == NULL || !array_push(&c->rows, row))
        return NULL;
    return array_last(&c->rows);
}

bool contract_calls_add(struct contract_calls *c, const char *consumer, const char *provider, const struct fake *fake)
{
    const struct pb_service *service = fake_service(fake);
    for (size_t i = 0; i < service->method_count; i++) {
        struct contract_call *row = row_of(c, consumer, provider, service->methods[i].path + 1);
        if (row == NULL)
            return false;
        row->count += fake_count(fake, service->methods[i].name);
    }
    return true;
}

/* Whether an earlier row, or one that was called, tells of the same method. */
static bool is_told(const struct contract_calls *c, const struct contract_call *of)
{
    for (size_t i = 0; i < c->rows.count; i++) {
        const struct contract_call *row = &c->rows.items[i];
        if (row != of && (row->count > 0 || row < of) && strcmp(row->provider, of->provider) == 0 &&
            strcmp(row->method, of->method) == 0)
            return true;
    }
    return false;
}

void contract_calls_emit(const struct contract_calls *c, struct result_stream *r)
{
    for (size_t i = 0; i < c->rows.count; i++) {
        const struct contract_call *row = &c->rows.items[i];
        if (row->count > 0 || !is_told(c, row))
            result_emit(r, "contract",
                        json_pack("{s:s*, s:s, s:s, s:I}", "consumer", row->count > 0 ? row->consumer : NULL,
                                  "provider", row->provider, "method", row->method, "interactions",
                                  (json_int_t)row->count));
    }
}

void contract_calls_deinit(struct contract_calls *c)
{
    array_deinit(&c->rows);
    arena_deinit(&c->arena);
}
