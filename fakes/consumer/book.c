/* Interactions kept together: the same one once, and no two that contradict each other. */
#include "base/json_text.h"
#include "fakes/consumer/internal.h"

#include <stdlib.h>
#include <string.h>

static int out_of_memory(struct error *err)
{
    return error_set(err, ERROR_MEMORY, "out of memory");
}

/* What an interaction is known by. */
static bool key_of(const struct pact_interaction *i, struct text *out)
{
    text_puts(out, i->description);
    for (size_t k = 0; k < i->states.count; k++) {
        const struct pact_state *s = &i->states.items[k];
        char *with = s->parameters != NULL ? json_text_by(s->parameters, JSON_SORT_KEYS | JSON_COMPACT) : NULL;
        if (s->parameters != NULL && with == NULL)
            return false;
        text_printf(out, "%c%s%c%s", 0x1e, s->name, 0x1f, with != NULL ? with : "");
        free(with);
    }
    return text_ok(out);
}

static bool note(struct book *b, size_t place)
{
    struct text key = TEXT_INIT;
    bool ok = key_of(&b->pact->interactions.items[place], &key) &&
              map_put_n(&b->known, text_string(&key), key.len, (void *)(uintptr_t)(place + 1));
    text_deinit(&key);
    return ok;
}

int book_open(struct book *b, struct pact *pact)
{
    *b = (struct book){.pact = pact};
    for (size_t i = 0; i < pact->interactions.count; i++)
        if (!note(b, i)) {
            book_close(b);
            return ERROR_MEMORY;
        }
    return 0;
}

void book_close(struct book *b)
{
    pact_free(b->pact);
    map_deinit(&b->known);
    b->pact = NULL;
}

/* The pact with that one interaction in it, borrowed. */
static struct pact only(const struct pact *p, size_t i)
{
    struct pact one = *p;
    one.interactions.items += i;
    one.interactions.count = one.interactions.capacity = 1;
    return one;
}

/* ---- whether two say the same ----------------------------------------------------------------------------------- */

/* Rules and generators of an interaction: a list, new. NULL: no memory. */
static json_t *rules_of(const struct pact *p, size_t i)
{
    struct text text = TEXT_INIT;
    struct pact one = only(p, i);
    json_t *out = json_array(), *answer;
    size_t k;
    one.metadata = one.extra = NULL; /* the contracts in it are long */
    json_t *whole = pact_write(&one, &text) == 0 ? json_loadb(text_string(&text), text.len, 0, NULL) : NULL;
    const json_t *written = json_array_get(json_object_get(whole, "interactions"), 0);
    const json_t *request = json_object_get(written, "request");
    bool ok = whole != NULL && out != NULL &&
              json_array_append_new(out, json_pack("[O?, O?]", json_object_get(request, "matchingRules"),
                                                   json_object_get(request, "generators"))) == 0;
    json_array_foreach(json_object_get(written, "response"), k, answer)
    {
        ok = ok && json_array_append_new(out, json_pack("[O?, O?]", json_object_get(answer, "matchingRules"),
                                                        json_object_get(answer, "generators"))) == 0;
    }
    json_decref(whole);
    text_deinit(&text);
    if (ok)
        return out;
    json_decref(out);
    return NULL;
}

static const char *status_of(const struct pact_part *part)
{
    const char *status = json_string_value(json_object_get(part->metadata, "grpc-status"));
    return status != NULL ? status : "OK";
}

/* A part whose content is JSON, for matching by the rules of `ruled`; the JSON is new. */
static int readable(const struct pact_part *part, const struct pb_type *type, const struct pact_part *ruled,
                    struct pact_part *out, struct error *err)
{
    *out = *part;
    if (part->content.presence == PACT_MISSING || type == NULL)
        return 0;
    out->content.presence = PACT_THERE; /* a message of no bytes is one as well */
    out->content.json = NULL;
    out->content.plain = plugin_plain(type, ruled);
    return part == ruled ? plugin_expected(type, part->content.bytes, part, &out->content.json, err)
                         : pact_content_decode(&out->content, type, true, err);
}

/* 0, or ERROR_EXISTS with what differs in `why`. */
static int compare_answer(const struct pact_part *had, const struct pact_part *has, const struct pb_type *type,
                          struct text *why, struct error *err)
{
    struct pact_part a, b = {.status = 0};
    struct pact_result result;
    if (strcmp(status_of(had), status_of(has)) != 0) {
        text_printf(why, "status %s there, %s here", status_of(had), status_of(has));
        return ERROR_EXISTS;
    }
    pact_result_init(&result);
    int code = readable(had, type, had, &a, err);
    if (code == 0)
        code = readable(has, type, had, &b, err);
    if (code == 0)
        code = pact_match_response(&a, &b, &result, err);
    if (code == 0 && result.mismatches.count > 0) {
        text_puts(why, result.mismatches.items[0].text);
        code = ERROR_EXISTS;
    }
    if (a.content.json != had->content.json)
        json_decref(a.content.json);
    if (b.content.json != has->content.json)
        json_decref(b.content.json);
    pact_result_deinit(&result);
    return code;
}

static bool equal_json(const json_t *a, const json_t *b)
{
    return a == b || (a != NULL && b != NULL && json_equal(a, b) == 1);
}

static int compare(const struct pact *p, size_t i, const struct pact *q, size_t k, const struct pb_type *type,
                   struct text *why, struct error *err)
{
    const struct pact_interaction *a = &p->interactions.items[i], *b = &q->interactions.items[k];
    bool same;
    int code = plugin_same(a, b, &same) == 0 ? 0 : out_of_memory(err);
    if (code != 0)
        return code;
    if (a->kind != b->kind || !bytes_equal(a->request.content.bytes, b->request.content.bytes) ||
        !equal_json(a->request.content.json, b->request.content.json) ||
        !equal_json(a->request.metadata, b->request.metadata) || !same) {
        text_puts(why, "another request");
        return ERROR_EXISTS;
    }
    if (a->responses.count != b->responses.count) {
        text_printf(why, "replies: %zu there, %zu here", a->responses.count, b->responses.count);
        return ERROR_EXISTS;
    }
    for (size_t n = 0; n < a->responses.count && code == 0; n++)
        code = compare_answer(&a->responses.items[n], &b->responses.items[n], type, why, err);
    if (code != 0)
        return code;
    json_t *had = rules_of(p, i), *has = rules_of(q, k);
    code = had == NULL || has == NULL ? out_of_memory(err) : equal_json(had, has) ? 0 : ERROR_EXISTS;
    if (code == ERROR_EXISTS)
        text_puts(why, "other rules or generators");
    json_decref(had);
    json_decref(has);
    return code;
}

static void name_states(const struct pact_interaction *i, struct text *out)
{
    for (size_t k = 0; k < i->states.count; k++)
        text_printf(out, "%s\"%s\"", k > 0 ? ", " : " given ", i->states.items[k].name);
}

static int contradiction(const struct book *b, size_t there, const struct pact *from, size_t here, const char *why,
                         struct error *err)
{
    const struct pact_interaction *had = &b->pact->interactions.items[there];
    const struct pact_interaction *has = &from->interactions.items[here];
    struct text states = TEXT_INIT;
    const char *file = b->pact->file[0] != '\0' ? b->pact->file : "what was recorded before";
    name_states(had, &states);
    int code = error_set_at(err, ERROR_EXISTS, had->line > 0 ? file : NULL, had->line, had->column,
                            "the interaction \"%s\"%s of %s and that of %s contradict each other: %s; different "
                            "answers need different provider states, and what no longer holds is deleted",
                            has->description, text_string(&states), file,
                            from->file[0] != '\0' ? from->file : "what was recorded", why);
    text_deinit(&states);
    return code;
}

/* ---- putting ---------------------------------------------------------------------------------------------------- */

static int put_one(struct book *b, const struct pact *from, size_t i, const struct pb_type *output, struct error *err)
{
    struct text key = TEXT_INIT, why = TEXT_INIT;
    int code = 0;
    if (!key_of(&from->interactions.items[i], &key)) {
        text_deinit(&key);
        return out_of_memory(err);
    }
    size_t place = (size_t)(uintptr_t)map_get_n(&b->known, text_string(&key), key.len);
    text_deinit(&key);
    if (place == 0) {
        struct pact one = only(from, i);
        size_t before = b->pact->interactions.count;
        one.metadata = one.extra = NULL; /* plugin_merge() has done that */
        code = pact_merge(b->pact, &one, err);
        for (size_t k = before; code == 0 && k < b->pact->interactions.count; k++)
            code = note(b, k) ? 0 : out_of_memory(err);
        return code;
    }
    code = compare(b->pact, place - 1, from, i, output, &why, err);
    if (code == 0 && plugin_take_key(&b->pact->interactions.items[place - 1], &from->interactions.items[i]) != 0)
        code = out_of_memory(err);
    if (code == ERROR_EXISTS)
        code = contradiction(b, place - 1, from, i, text_string(&why), err);
    text_deinit(&why);
    return code;
}

/* What replies of a pact that was read are, by its own contracts. */
static int put_own(struct book *b, const struct pact *from, size_t i, struct error *err)
{
    const struct pact_interaction *one = &from->interactions.items[i];
    struct pb_pool *pool = NULL;
    const struct pb_method *m = NULL;
    if (plugin_is_grpc(one)) {
        int code = plugin_pool(from, one, &pool, err);
        if (code != 0 && code != ERROR_NOT_FOUND)
            return code;
        error_clear(err);
        m = pool != NULL ? plugin_method(pool, plugin_service(one)) : NULL;
    }
    int code = put_one(b, from, i, m != NULL ? m->output : NULL, err);
    pb_pool_free(pool);
    return code;
}

int book_put(struct book *b, const struct pact *from, const struct pb_type *output, struct error *err)
{
    int code = plugin_merge(b->pact, from) == 0 ? 0 : out_of_memory(err);
    for (size_t i = 0; i < from->interactions.count && code == 0; i++)
        code = output != NULL ? put_one(b, from, i, output, err) : put_own(b, from, i, err);
    return code;
}
