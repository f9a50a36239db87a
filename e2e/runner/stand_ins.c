/* Doubles of ordinary flows: they stand where third parties stand, from before a flow's first step until after its
 * last one. Which they are is read off the flow and all it includes. Two flows cannot have the same place at once, so
 * one waits for the other; each takes all its places together, so nobody waits for ever. */
#include "base/array.h"
#include "e2e/kind.h"

#include <stdlib.h>
#include <string.h>

#define UNMATCHED_LINES 4 /* in a failure */

struct wanted {
    struct flow_context *x;
    ARRAY(struct e2e_stand_in) list;
    ARRAY(const struct node *) places; /* where each stands in its file */
    struct arena arena;
};

int stand_in_check(const struct node *n, struct error *err)
{
    static const char *const keys[] = {"service", "behave", "listen", NULL};
    const char *text;
    bool flag;
    if (n->kind == NODE_TEXT)
        return 0;
    int code = node_only_keys(n, keys, err);
    if (code == 0)
        code = node_need_text(n, "service", &text, err);
    if (code == 0)
        code = node_may_bool(n, "behave", &flag, err);
    return code != 0 ? code : node_may_text(n, "listen", &text, err);
}

/* ---- which ---- */

static int want_one(struct wanted *w, const char *name, const struct node *n)
{
    const struct node *listen = node_get(n, "listen"), *service = n->kind == NODE_MAP ? node_get(n, "service") : n;
    struct e2e_stand_in one = {.name = name, .service = (const char *)service->text.data};
    bool behave = true;
    for (size_t i = 0; i < w->list.count; i++)
        if (strcmp(w->list.items[i].name, name) == 0)
            return strcmp(w->list.items[i].service, one.service) == 0
                       ? 0
                       : flow_wrong(w->x, n, ERROR_EXISTS, "double \"%s\" plays %s already, in %s:%d", name,
                                    w->list.items[i].service, document_name(w->places.items[i]->document),
                                    w->places.items[i]->line);
    node_may_bool(n, "behave", &behave, NULL);
    one.empty = !behave;
    if (listen != NULL) {
        char *address = expand_text(w->x, listen);
        one.listen = address != NULL ? arena_string(&w->arena, address) : NULL;
        free(address);
        if (one.listen == NULL)
            return w->x->error.code != 0 ? w->x->error.code : flow_memory(w->x);
    }
    return array_push(&w->list, one) && array_push(&w->places, n) ? 0 : flow_memory(w->x);
}

static int want_all(struct wanted *w, const struct flow *f);

struct walk {
    struct wanted *wanted;
    const struct flow *flow;
};

static int want_included(void *arg, const struct step_kind *kind, const struct node *step)
{
    struct walk *walk = arg;
    return kind == &kind_flow ? want_all(walk->wanted, flow_included(walk->flow, step)) : 0;
}

/* Flows do not include each other in a circle: that was checked when they were loaded. */
static int want_all(struct wanted *w, const struct flow *f)
{
    struct walk walk = {.wanted = w, .flow = f};
    const struct node *const lists[] = {f->file->before, f->steps, f->finally, f->file->after};
    int code = 0;
    for (size_t i = 0; f->doubles != NULL && i < f->doubles->map.count && code == 0; i++)
        code = want_one(w, f->doubles->map.pairs[i].key, &f->doubles->map.pairs[i].value);
    for (size_t i = 0; i < sizeof lists / sizeof lists[0] && code == 0; i++)
        code = steps_walk(lists[i], want_included, &walk);
    return code;
}

/* ---- up and away ---- */

static bool all_free(void *arg)
{
    const struct wanted *w = arg;
    const struct e2e_stand_ins *s = w->x->options->stand_ins;
    for (size_t i = 0; i < w->list.count; i++)
        if (s->busy(s->arg, flow_system(w->x), &w->list.items[i]))
            return false;
    return true;
}

static int open_wanted(struct wanted *w)
{
    struct flow_context *x = w->x;
    const struct e2e_stand_ins *s = x->options->stand_ins;
    struct error own = ERROR_INIT;
    struct text why = TEXT_INIT;
    if (s == NULL)
        return flow_wrong(x, w->places.items[0], ERROR_UNSUPPORTED, "here nobody can put up doubles for flows");
    int code = all_free(w) ? 0 : flow_wait(x, all_free, w, 0);
    if (code != 0)
        return error_set(&x->error, code, "interrupted");
    code = s->open(s->arg, flow_system(x), w->list.items, w->list.count, &x->run->doubles, &own);
    if (code != 0) {
        error_format(&own, &why);
        flow_wrong(x, w->places.items[0], code, "%s", text_string(&why));
    }
    error_clear(&own);
    text_deinit(&why);
    return code;
}

/* ${doubles.NAME}: where each is. */
static int tell_addresses(struct wanted *w)
{
    const struct e2e_stand_ins *s = w->x->options->stand_ins;
    json_t *map = json_object();
    bool ok = map != NULL;
    for (size_t i = 0; i < w->list.count && ok; i++) {
        struct text address = TEXT_INIT;
        s->address(s->arg, w->x->run->doubles, w->list.items[i].name, &address);
        ok = text_ok(&address) &&
             json_object_set_new(map, w->list.items[i].name, json_string(text_string(&address))) == 0;
        text_deinit(&address);
    }
    ok = ok && json_object_set(w->x->run->given, "doubles", map) == 0;
    json_decref(map);
    return ok ? 0 : flow_memory(w->x);
}

int stand_ins_open(struct flow_context *x)
{
    struct wanted w = {.x = x};
    if (x->run->doubles != NULL || x->flow->contract)
        return 0;
    int code = want_all(&w, x->flow);
    if (code == 0 && w.list.count > 0)
        code = open_wanted(&w);
    if (code == 0 && w.list.count > 0)
        code = tell_addresses(&w);
    array_deinit(&w.list);
    array_deinit(&w.places);
    arena_deinit(&w.arena);
    return code;
}

/* A line for the reader of the report, and a few in the failure, if there is one. */
static void tell_unmatched(struct flow_context *x, const char *name)
{
    const struct e2e_doubles *d = x->run->doubles;
    struct text lines = TEXT_INIT, all = TEXT_INIT;
    int64_t count = d->unmatched(d->arg, name, &lines);
    if (count > 0) {
        text_printf(&all, "%s: %lld call%s of the double %s matched no stub:\n%s", x->run->name, (long long)count,
                    count == 1 ? "" : "s", name, text_string(&lines));
        while (all.len > 0 && text_string(&all)[all.len - 1] == '\n')
            text_truncate(&all, all.len - 1);
        flow_emit(x, "note", json_pack("{s:o}", "text", value_of_bytes(text_bytes(&all))));
        if (x->failure->told) {
            const char *end = text_string(&lines);
            text_printf(&x->failure->detail, "unmatched calls of %s\n", name);
            for (int i = 0; i < UNMATCHED_LINES && *end != '\0'; i++) {
                size_t len = strcspn(end, "\n");
                text_printf(&x->failure->detail, "  %.*s\n", (int)len, end);
                end += len + (end[len] == '\n');
            }
        }
    }
    text_deinit(&lines);
    text_deinit(&all);
}

void stand_ins_close(struct flow_context *x)
{
    const char *name;
    json_t *value;
    const struct e2e_stand_ins *s = x->options->stand_ins;
    if (x->run->doubles == NULL || x->run->doubles == x->options->doubles)
        return;
    json_object_foreach(json_object_get(x->run->given, "doubles"), name, value)
    {
        (void)value;
        tell_unmatched(x, name);
    }
    s->close(s->arg, x->run->doubles);
    x->run->doubles = NULL;
}
