/* What an answer does to the set: stubs that come and go. Seen by the calls of the same session only. */
#include "fakes/stub/internal.h"

#include <string.h>

static bool refused(struct asking *x, int code, struct error *why)
{
    error_set(&x->why, code, "an effect: %s", why->message != NULL ? why->message : error_code_name(code));
    error_clear(why);
    return false;
}

/* Hides every stub of the name from this session, and drops those that effects added to it. */
static bool take_away(struct asking *x, const char *name, uint64_t before)
{
    struct stub_row *row;
    while ((row = set_named(x->set, name, before)) != NULL) {
        struct stub *stub = row->stub;
        const char *own = stub->extra->session != NULL ? stub->extra->session : "";
        before = stub->id;
        if (stub->added && strcmp(own, x->asked->session) == 0) {
            set_drop(x->set, row);
            continue;
        }
        struct stub_use use = asking_use(x, stub);
        use.removed = true;
        if (!asking_put_use(x, stub, use))
            return false;
    }
    return true;
}

static bool bring_in(struct asking *x, const struct tree *tree)
{
    struct text json = TEXT_INIT;
    struct document *d = NULL;
    struct error why = ERROR_INIT;
    int64_t code = 0;
    bool ok = tree_make(x, tree, &json);
    if (ok)
        code = document_parse_json(text_bytes(&json), "effect", &d, &why);
    if (ok && code == 0)
        code = set_add_nodes(x->set, document_root(d), x->asked->session, NULL, &why);
    document_free(d);
    text_deinit(&json);
    return ok && (code >= 0 || refused(x, (int)code, &why));
}

bool effects_apply(struct asking *x, const struct stub *stub)
{
    const struct stub_extra *e = stub->extra;
    struct batch *held = stub->batch;
    struct bytes names[STUB_EFFECTS_MAX];
    uint64_t first = x->set->next_id;
    bool ok = true;
    held->stubs++; /* what the effects are made of, should they drop their own stub */
    for (size_t i = 0; i < e->effect_count && ok; i++)
        ok = e->effects[i].add != NULL ? bring_in(x, e->effects[i].add)
                                       : template_text(x, e->effects[i].remove, &names[i]);
    /* A stub that comes takes the place of those of its name. */
    for (uint64_t id = first; id < x->set->next_id && ok; id++) {
        const struct stub_row *row = set_row(x->set, id);
        if (row != NULL && row->stub->extra != NULL && row->stub->extra->name != NULL)
            ok = take_away(x, row->stub->extra->name, first);
    }
    size_t count = e->effect_count;
    for (size_t i = 0; i < count && ok; i++)
        if (e->effects[i].add == NULL)
            ok = take_away(x, (const char *)names[i].data, first);
    while (!ok && x->set->rows.count > 0 && array_last(&x->set->rows)->id >= first)
        set_drop(x->set, array_last(&x->set->rows));
    set_compact(x->set);
    set_release_batch(x->set, held);
    return ok;
}
