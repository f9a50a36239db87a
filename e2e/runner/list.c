/* What would run, without running it. */
#include "base/json_text.h"
#include "base/words.h"
#include "e2e/kind.h"
#include "e2e/runner/plan.h"

#include <string.h>

#define ERRORS_TOLD  20
#define METHODS_NEAR 512

int e2e_list(struct target *t, const struct flow_list *flows, const struct e2e_options *options, struct text *out,
             struct error *err)
{
    struct plan p = {0};
    int code = plan_make(&p, t, flows, options, 0, err);
    for (size_t i = 0; i < p.units.count && code == 0; i++) {
        const struct unit *u = &p.units.items[i];
        text_printf(out, "%s:%d: %s", u->flow->path, u->flow->line, u->name);
        for (size_t k = 0; u->what == UNIT_FLOW && u->flow->tags != NULL && k < u->flow->tags->list.count; k++)
            text_printf(out, " #%s", (const char *)u->flow->tags->list.items[k].text.data);
        text_puts(out, u->skipped ? " (skipped: " SKIPPED_IN_SIMULATION ")\n" : "\n");
    }
    if (code == 0 && p.units.count == 0)
        code = plan_nothing(options, err);
    if (code == 0 && !text_ok(out))
        code = error_set(err, ERROR_MEMORY, "out of memory");
    plan_clear(&p);
    return code;
}

/* ---- with steps ---- */

struct showing {
    const struct target *target;
    json_t *steps;      /* of the case */
    const char *list;   /* "before", "finally"; "" for its own */
    struct text errors; /* a line each */
    size_t error_count;
};

static void tell(struct showing *g, const struct node *n, const char *format, const char *what, const char *near)
{
    struct error one = ERROR_INIT;
    if (near != NULL)
        node_error(n, &one, ERROR_INVALID, "there is no %s %s: did you mean \"%s\"?", format, what, near);
    else
        node_error(n, &one, ERROR_INVALID, "there is no %s %s", format, what);
    if (g->error_count++ < ERRORS_TOLD) {
        text_puts(&g->errors, g->errors.len > 0 ? "\n" : "");
        error_format(&one, &g->errors);
    }
    error_clear(&one);
}

/* A call names a method of the contracts. */
static void check_call(struct showing *g, const struct node *what)
{
    struct text path = TEXT_INIT;
    const char *name = (const char *)what->text.data, *slash = strchr(name, '/');
    if (g->target->pool == NULL || has_variable(what) || slash == NULL)
        return;
    text_printf(&path, "/%s", name);
    if (text_ok(&path) && pb_find_method(g->target->pool, text_string(&path), false) == NULL) {
        const char *names[METHODS_NEAR + 1] = {NULL};
        text_clear(&path);
        text_add(&path, name, (size_t)(slash - name));
        const struct pb_service *service = pb_find_service(g->target->pool, text_string(&path));
        for (size_t i = 0; service != NULL && i < service->method_count && i < METHODS_NEAR; i++)
            names[i] = service->methods[i].name;
        tell(g, what, service != NULL ? "method" : "service with the method", name,
             service != NULL ? nearest_word(slash + 1, names) : NULL);
    }
    text_deinit(&path);
}

static int show_step(void *arg, const struct step_kind *kind, const struct node *step)
{
    struct showing *g = arg;
    const struct node *what = node_get(step, kind->name), *name = node_get(step, "name");
    struct text does = TEXT_INIT;
    if (what->kind == NODE_TEXT)
        text_puts(&does, (const char *)what->text.data);
    for (size_t i = 0; what->kind == NODE_LIST && i < what->list.count; i++)
        if (what->list.items[i].kind == NODE_TEXT)
            words_add(&does, (const char *)what->list.items[i].text.data);
    if (step_method(kind, step) != NULL)
        check_call(g, what);
    json_t *o = json_pack("{s:s, s:s, s:i}", "kind", kind->name, "what", text_string(&does), "line", step->line);
    bool ok = o != NULL && text_ok(&does);
    if (ok && g->list[0] != '\0')
        ok = json_object_set_new(o, "list", json_string(g->list)) == 0;
    if (ok && name != NULL)
        ok = json_object_set_new(o, "name", json_string((const char *)name->text.data)) == 0;
    text_deinit(&does);
    return json_array_append_new(g->steps, o) == 0 && ok ? 0 : ERROR_MEMORY;
}

static int show_list(struct showing *g, const char *list, const struct node *steps)
{
    g->list = list;
    return steps_walk(steps, show_step, g);
}

static int show_around(struct showing *g, const struct flow *f, bool before)
{
    const struct flow *around = f->file->around;
    int code = before && around != NULL ? show_around(g, around, before) : 0;
    if (code == 0)
        code = show_list(g, before ? "before" : "after", before ? f->file->before : f->file->after);
    return code == 0 && !before && around != NULL ? show_around(g, around, before) : code;
}

static int show_unit(struct showing *g, const struct unit *u)
{
    const struct flow *f = u->flow;
    if (u->what != UNIT_FLOW)
        return show_list(g, "", u->what == UNIT_SETUP ? f->file->setup : f->file->teardown);
    int code = show_around(g, f, true);
    if (code == 0)
        code = show_list(g, "", f->steps);
    if (code == 0)
        code = show_list(g, "finally", f->finally);
    return code == 0 ? show_around(g, f, false) : code;
}

static json_t *case_of(struct showing *g, const struct unit *u)
{
    json_t *tags = json_array();
    g->steps = json_array();
    int code = show_unit(g, u);
    for (size_t i = 0; code == 0 && u->what == UNIT_FLOW && u->flow->tags != NULL && i < u->flow->tags->list.count; i++)
        code = json_array_append_new(tags, json_string((const char *)u->flow->tags->list.items[i].text.data));
    json_t *o = json_pack("{s:s, s:s, s:i, s:o, s:o}", "suite", u->flow->path, "name", u->name, "line", u->flow->line,
                          "tags", tags, "steps", g->steps);
    bool ok = o != NULL && code == 0;
    if (ok && u->skipped)
        ok = json_object_set_new(o, "skipped", json_string(SKIPPED_IN_SIMULATION)) == 0;
    if (ok && u->earlier != NULL)
        ok = json_object_set_new(o, "resumed", json_true()) == 0;
    if (ok)
        return o;
    json_decref(o);
    return NULL;
}

static void as_text(const json_t *cases, struct text *out)
{
    size_t i, k;
    json_t *c, *s;
    json_array_foreach(cases, i, c)
    {
        text_printf(out, "%s:%lld: %s", json_string_value(json_object_get(c, "suite")),
                    (long long)json_integer_value(json_object_get(c, "line")),
                    json_string_value(json_object_get(c, "name")));
        json_array_foreach(json_object_get(c, "tags"), k, s)
        {
            text_printf(out, " #%s", json_string_value(s));
        }
        const char *skipped = json_string_value(json_object_get(c, "skipped"));
        text_printf(out, "%s%s%s%s\n", skipped != NULL ? " (skipped: " : "", skipped != NULL ? skipped : "",
                    skipped != NULL ? ")" : "", json_object_get(c, "resumed") != NULL ? " (has its verdict)" : "");
        json_array_foreach(json_object_get(c, "steps"), k, s)
        {
            const char *list = json_string_value(json_object_get(s, "list"));
            const char *name = json_string_value(json_object_get(s, "name"));
            const char *what = json_string_value(json_object_get(s, "what"));
            text_printf(out, "    %s%s%s%s%s%s%s\n", list != NULL ? list : "", list != NULL ? " " : "",
                        json_string_value(json_object_get(s, "kind")), what[0] != '\0' ? " " : "", what,
                        name != NULL ? "  # " : "", name != NULL ? name : "");
        }
    }
}

static int show(struct showing *g, const struct plan *p, bool json, struct text *out, struct error *err)
{
    json_t *cases = json_array();
    bool ok = cases != NULL;
    for (size_t i = 0; i < p->units.count && ok; i++)
        ok = json_array_append_new(cases, case_of(g, &p->units.items[i])) == 0;
    json_t *all = ok ? json_pack("{s:O, s:b}", "cases", cases, "checked", g->target->pool != NULL) : NULL;
    ok = all != NULL && text_ok(&g->errors);
    if (ok && p->remark.len > 0)
        ok = json_object_set_new(all, "note", json_string(text_string(&p->remark))) == 0;
    char *dumped = ok && json ? json_text_of(all, 1) : NULL;
    ok = ok && (!json || dumped != NULL);
    if (dumped != NULL) {
        text_printf(out, "%s\n", dumped);
    } else if (ok && !json) {
        as_text(cases, out);
        text_printf(out, "%s%s", text_string(&p->remark), p->remark.len > 0 ? "\n" : "");
    }
    free(dumped);
    json_decref(all);
    json_decref(cases);
    if (!ok || !text_ok(out))
        return error_set(err, ERROR_MEMORY, "out of memory");
    if (g->error_count > ERRORS_TOLD)
        text_printf(&g->errors, "\n... and %zu more", g->error_count - ERRORS_TOLD);
    return g->error_count == 0 ? 0 : error_set(err, ERROR_INVALID, "%s", text_string(&g->errors));
}

int e2e_show(struct target *t, const struct flow_list *flows, const struct e2e_options *options, bool json,
             struct text *out, struct error *err)
{
    struct plan p = {0};
    struct showing g = {.target = t, .list = "", .errors = TEXT_INIT};
    int code = plan_make(&p, t, flows, options, 0, err);
    if (code == 0 && p.units.count == 0)
        code = plan_nothing(options, err);
    if (code == 0)
        code = show(&g, &p, json, out, err);
    text_deinit(&g.errors);
    plan_clear(&p);
    return code;
}
