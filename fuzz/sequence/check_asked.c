/* limit-ignored and filter-broken: what a single answer says against its own question. Only of questions that say each
 * of these fields once, so that both sides read the same. */
#include "fuzz/sequence/check_internal.h"

#include "fuzz/sequence/wire.h"
#include "wire/grpc.h"

#include <string.h>

#define LIMITS_MAX 3 /* a probe asks for so many at most */

bool check_answers(const struct sequence_view *v, size_t call)
{
    const struct trace_call *r = view_result(v, call);
    return check_reads(v, call) && r->status == GRPC_OK && !r->ended_by_us && !r->timed_out && v->calls[call].resolved;
}

/* ---- limit-ignored ---- */

bool check_is_limit(const struct sequence_leaf *l)
{
    struct sequence_words w;
    sequence_words_of(sequence_leaf_field(l)->name, &w);
    if (l->repeated || w.count == 0)
        return false;
    return (w.count == 1 && sequence_words_have(&w, "limit")) ||
           (sequence_words_have(&w, "page") && sequence_words_have(&w, "size")) ||
           (sequence_words_have(&w, "max") && sequence_words_have(&w, "result"));
}

int check_limit_of(const struct sequence_graph *g, size_t method)
{
    const struct sequence_shape *s = sequence_input(g, method);
    for (size_t i = 0; i < s->count; i++)
        if (check_is_limit(&s->leaves[i]))
            return (int)i;
    return -1;
}

const struct pb_field *check_elements_of(const struct pb_type *t)
{
    const struct pb_field *found = NULL;
    for (size_t i = 0; i < t->field_count; i++) {
        const struct pb_field *f = &t->fields[i];
        if (!f->repeated || f->map)
            continue;
        if (found != NULL || (f->kind != PB_MESSAGE && f->kind != PB_STRING && f->kind != PB_BYTES))
            return NULL;
        found = f;
    }
    return found;
}

bool check_next_element(struct check_elements *e, struct bytes *out)
{
    for (;;) {
        struct wire_item item;
        while (wire_next(&e->rest, &item))
            if (item.number == e->field->number && item.type == WIRE_BYTES) {
                *out = item.value;
                return true;
            }
        const struct trace_reply *r = NULL;
        for (; e->reply < e->view->trace->replies.count && r == NULL; e->reply++)
            if (e->view->trace->replies.items[e->reply].call == e->call &&
                !e->view->trace->replies.items[e->reply].broken)
                r = &e->view->trace->replies.items[e->reply];
        if (r == NULL)
            return false;
        e->rest = fuzz_trace_bytes(e->view->trace, r->body);
    }
}

static size_t count_elements(const struct sequence_view *v, size_t call, const struct pb_field *f)
{
    struct check_elements e = {.view = v, .call = call, .field = f};
    struct bytes element;
    size_t count = 0;
    while (check_next_element(&e, &element))
        count++;
    return count;
}

int check_draw_reader(struct sequence *s, size_t made_by, int (*wanted)(const struct sequence_graph *g, size_t method))
{
    const struct sequence_graph *g = s->graph;
    size_t seen = 0;
    int drawn = -1;
    for (size_t m = 0; m < g->method_count; m++) {
        enum sequence_role role = g->methods[m].role;
        if ((role == ROLE_READ || role == ROLE_LIST) && !g->methods[m].method->client_streaming &&
            g->methods[m].method->service == g->methods[made_by].method->service && wanted(g, m) >= 0 &&
            random_below(&s->random, ++seen) == 0)
            drawn = (int)m;
    }
    return drawn;
}

int check_ask_all(struct sequence *s, struct fuzz_case *c, size_t method)
{
    uint8_t blank[SEQUENCE_LEAVES_MAX] = {SOURCE_EMPTY};
    return sequence_append(s, c, method, blank, 0);
}

int check_put_number(struct sequence *s, struct fuzz_case *c, size_t call, const struct sequence_leaf *l, uint64_t n)
{
    uint8_t number[10];
    return check_put(s, c, call, l, BYTES(number, pb_varint_write(number, n)));
}

int check_limit_probe(struct sequence *s, struct fuzz_case *c)
{
    int maker = check_maker(s, c);
    if (maker < 0)
        return check_told(maker);
    size_t made_by = (size_t)s->view.calls[maker].method;
    int method = check_draw_reader(s, made_by, check_limit_of);
    if (method < 0)
        return 0;
    /* One more than asked for is only seen where there are so many. */
    int rc = 0;
    for (size_t more = 1 + (size_t)random_below(&s->random, LIMITS_MAX); rc >= 0 && more > 0; more--)
        rc = check_another(s, c, (size_t)maker);
    int call = rc >= 0 ? check_ask_all(s, c, (size_t)method) : rc;
    if (call < 0)
        return check_told(call);
    const struct sequence_leaf *l =
        &sequence_input(s->graph, (size_t)method)->leaves[check_limit_of(s->graph, (size_t)method)];
    return check_told(check_put_number(s, c, (size_t)call, l, 1 + random_below(&s->random, LIMITS_MAX)));
}

bool check_limit_judge(const struct sequence_view *v, struct sequence_finding *out)
{
    for (size_t i = 0; i < v->count; i++) {
        if (v->calls[i].method < 0 || !check_answers(v, i))
            continue;
        int leaf = check_limit_of(v->graph, (size_t)v->calls[i].method);
        const struct pb_field *f =
            leaf >= 0 ? check_elements_of(v->graph->methods[v->calls[i].method].method->output) : NULL;
        const struct sequence_leaf *l =
            f != NULL ? &sequence_input(v->graph, (size_t)v->calls[i].method)->leaves[leaf] : NULL;
        struct bytes value;
        if (l == NULL || !check_said(v, i, l, &value))
            continue;
        uint64_t limit = check_number(l, value), count = count_elements(v, i, f);
        if (limit == 0 || count <= limit)
            continue;
        check_say(v, out, i, "%s gives %zu of %s for a %s of %llu", check_path(v, i), count, f->name,
                  sequence_leaf_field(l)->name, (unsigned long long)limit);
        return true;
    }
    return false;
}

/* ---- filter-broken ---- */

/* "prefix" or "suffix", as a text of its own or as a flag beside the key it is about. */
struct filter {
    const struct sequence_leaf *says;  /* the text */
    const struct sequence_leaf *flag;  /* NULL: there is none */
    const struct sequence_leaf *shows; /* of the reply: what has to begin or end so */
    bool at_end;
};

static bool can_show(const struct sequence_leaf *l)
{
    return l->repeated && sequence_class_names_one(l->class) && sequence_leaf_field(l)->kind == PB_STRING;
}

/* The names in the reply: those of the same name, or the only ones there are so near to the top. */
static const struct sequence_leaf *shown_by(const struct sequence_shape *reply, const struct sequence_leaf *same)
{
    const struct sequence_leaf *found = NULL;
    for (size_t i = 0; i < reply->count; i++) {
        const struct sequence_leaf *l = &reply->leaves[i];
        if (!can_show(l) || (same != NULL && l->last_word != same->last_word))
            continue;
        if (found != NULL && found->depth == l->depth)
            return NULL;
        if (found == NULL)
            found = l;
    }
    return found;
}

static bool filter_at(const struct sequence_graph *g, size_t method, size_t leaf, struct filter *out)
{
    const struct sequence_shape *s = sequence_input(g, method);
    const struct sequence_leaf *l = &s->leaves[leaf];
    const char *name = sequence_leaf_field(l)->name;
    *out = (struct filter){.at_end = strcmp(name, "suffix") == 0};
    if (l->repeated || (!out->at_end && strcmp(name, "prefix") != 0))
        return false;
    if (sequence_leaf_field(l)->kind == PB_STRING) {
        out->says = l;
    } else if (sequence_leaf_field(l)->kind == PB_BOOL) {
        out->flag = l;
        for (size_t i = 0; i < s->count && out->says == NULL; i++)
            if (sequence_class_names_one(s->leaves[i].class) && !s->leaves[i].repeated &&
                sequence_leaf_field(&s->leaves[i])->kind == PB_STRING)
                out->says = &s->leaves[i];
    }
    out->shows = out->says != NULL ? shown_by(sequence_output(g, method), out->flag != NULL ? out->says : NULL) : NULL;
    return out->shows != NULL;
}

static int filter_of(const struct sequence_graph *g, size_t method)
{
    struct filter f;
    for (size_t i = 0; i < sequence_input(g, method)->count; i++)
        if (filter_at(g, method, i, &f))
            return (int)i;
    return -1;
}

/* The call asks for what begins with `part`, or ends; or both, now and then. */
static int put_filter(struct sequence *s, struct fuzz_case *c, size_t call, size_t method, struct bytes part, bool tail)
{
    int rc = ERROR_NOT_FOUND;
    for (size_t i = 0; (rc >= 0 || rc == ERROR_NOT_FOUND) && i < sequence_input(s->graph, method)->count; i++) {
        struct filter f;
        if (!filter_at(s->graph, method, i, &f) || (f.at_end != tail && random_below(&s->random, 3) != 0))
            continue;
        rc = check_put(s, c, call, f.says, part);
        if (rc >= 0 && f.flag != NULL)
            rc = check_put(s, c, call, f.flag, BYTES("\1", 1));
    }
    return rc;
}

int check_put_prefix(struct sequence *s, struct fuzz_case *c, size_t call, struct bytes part)
{
    return put_filter(s, c, call, (size_t)s->view.calls[call].method, part, false);
}

/* Asks by the first or last bytes of the name that was made, once or with both filters. */
int check_filter_probe(struct sequence *s, struct fuzz_case *c)
{
    int maker = check_maker(s, c);
    if (maker < 0)
        return check_told(maker);
    size_t made_by = (size_t)s->view.calls[maker].method;
    int method = check_draw_reader(s, made_by, filter_of), naming = view_naming_leaf(s->graph, made_by, made_by);
    struct bytes name;
    if (method < 0 || naming < 0 ||
        !view_value(&s->view, (size_t)maker, &sequence_input(s->graph, made_by)->leaves[naming], &name))
        return 0;
    uint8_t part[8];
    size_t len = 1 + (size_t)random_below(&s->random, name.len < sizeof part ? name.len : sizeof part);
    bool tail = random_below(&s->random, 2) == 0;
    memcpy(part, tail ? name.data + name.len - len : name.data, len);
    int call = check_ask_all(s, c, (size_t)method);
    return check_told(call < 0 ? call : put_filter(s, c, (size_t)call, (size_t)method, BYTES(part, len), tail));
}

struct matching {
    struct bytes part, wrong;
    bool at_end;
};

static bool is_wrong(void *arg, struct bytes value)
{
    struct matching *m = arg;
    bool fits = value.len >= m->part.len &&
                memcmp(m->at_end ? value.data + value.len - m->part.len : value.data, m->part.data, m->part.len) == 0;
    m->wrong = value;
    return !fits;
}

static bool judge_filter(const struct sequence_view *v, size_t call, const struct filter *f,
                         struct sequence_finding *out)
{
    struct matching m = {.at_end = f->at_end};
    struct bytes flag;
    if (!check_said(v, call, f->says, &m.part) || m.part.len == 0 ||
        (f->flag != NULL && (!check_said(v, call, f->flag, &flag) || !bytes_equal(flag, BYTES("\1", 1)))))
        return false;
    for (size_t i = 0; i < v->trace->replies.count; i++) {
        const struct trace_reply *r = &v->trace->replies.items[i];
        if (r->call != call || r->broken ||
            !sequence_leaf_each(f->shows, fuzz_trace_bytes(v->trace, r->body), is_wrong, &m))
            continue;
        check_say(v, out, call, "%s shows \"%.*s\", asked for what %s with \"%.*s\"", check_path(v, call),
                  (int)m.wrong.len, (const char *)m.wrong.data, f->at_end ? "ends" : "begins", (int)m.part.len,
                  (const char *)m.part.data);
        return true;
    }
    return false;
}

bool check_filter_judge(const struct sequence_view *v, struct sequence_finding *out)
{
    for (size_t i = 0; i < v->count; i++) {
        if (v->calls[i].method < 0 || !check_answers(v, i))
            continue;
        size_t method = (size_t)v->calls[i].method;
        struct filter f;
        for (size_t l = 0; l < sequence_input(v->graph, method)->count; l++)
            if (filter_at(v->graph, method, l, &f) && judge_filter(v, i, &f, out))
                return true;
    }
    return false;
}
