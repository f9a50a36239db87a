#include "fuzz/sequence/view.h"

#include "fuzz/sequence/link.h"
#include "fuzz/sequence/sequence.h"
#include "fuzz/sequence/wire.h"

#include <string.h>

#define FRAMING_LIES (EVENT_FLAG_LIE | EVENT_LENGTH_LONG | EVENT_LENGTH_SHORT)

static int add_request(struct sequence_view *v, struct view_call *c, uint32_t event)
{
    c->message = event;
    c->at = v->requests.len;
    enum sequence_resolved how = sequence_link_resolve(v->test, event, v->trace, &v->requests);
    c->resolved = how == RESOLVED_ALL;
    c->unsure = how == RESOLVED_UNSURE;
    c->len = v->requests.len - c->at;
    return text_ok(&v->requests) ? 0 : ERROR_MEMORY;
}

int sequence_view_of(struct sequence_view *v, const struct sequence_graph *g, const struct fuzz_case *c,
                     const struct fuzz_trace *t)
{
    v->graph = g;
    v->test = c;
    v->trace = t;
    v->count = 0;
    text_clear(&v->requests);
    array_clear(&v->pairs);
    for (size_t i = 0; i < c->events.count; i++) {
        const struct fuzz_event *e = &c->events.items[i];
        if (e->kind == EVENT_CALL) {
            if (v->count == SEQUENCE_VIEW_MAX)
                return 0;
            v->calls[v->count++] =
                (struct view_call){.method = sequence_graph_find_bytes(g, fuzz_case_bytes(c, e->name)),
                                   .event = (uint32_t)i,
                                   .flags = e->flags};
            continue;
        }
        struct view_call *call = e->call < v->count ? &v->calls[e->call] : NULL;
        if (call != NULL && e->kind == EVENT_MESSAGE && call->message == 0 && add_request(v, call, (uint32_t)i) != 0)
            return ERROR_MEMORY;
        /* What the other side took such bytes for is not known. */
        if (call != NULL && e->kind == EVENT_MESSAGE && e->flags & FRAMING_LIES) {
            call->resolved = false;
            call->unsure = true;
        }
        if (call != NULL && e->kind == EVENT_AWAIT && e->number == 0 && call->awaited == 0)
            call->awaited = (uint32_t)i;
    }
    return 0;
}

void sequence_view_deinit(struct sequence_view *v)
{
    text_deinit(&v->requests);
    array_deinit(&v->pairs);
    *v = (struct sequence_view){.count = 0};
}

int view_find(const struct sequence_view *v, int method, size_t before)
{
    for (size_t i = before; i-- > 0;)
        if (v->calls[i].method == method && (v->calls[i].flags & (EVENT_NO_TOKEN | EVENT_OTHER_TENANT)) == 0)
            return (int)i;
    return -1;
}

bool view_value(const struct sequence_view *v, size_t call, const struct sequence_leaf *l, struct bytes *out)
{
    return sequence_leaf_get(l, view_request(v, call), out);
}

const struct trace_call *view_result(const struct sequence_view *v, size_t call)
{
    return v->trace != NULL && call < v->trace->calls.count ? &v->trace->calls.items[call] : NULL;
}

bool view_worked(const struct sequence_view *v, size_t call)
{
    const struct trace_call *r = view_result(v, call);
    return r != NULL && sequence_call_worked(r);
}

/* ---- what means the same ---- */

static bool names(const struct sequence_leaf *l)
{
    return sequence_class_names_one(l->class) || l->class == CLASS_TOPIC || l->class == CLASS_TOKEN;
}

struct view_match view_match_leaf(const struct sequence_graph *g, size_t maker, size_t method, size_t leaf)
{
    const struct sequence_shape *mine = sequence_input(g, method), *theirs = sequence_input(g, maker);
    const struct sequence_leaf *l = &mine->leaves[leaf];
    const struct sequence_slot *slot = &g->methods[method].slots[leaf];
    int same = -1;
    if (names(l) || sequence_leaf_field(l)->kind == PB_STRING)
        for (size_t i = 0; i < slot->edge_count; i++)
            if (slot->edges[i].from == maker && slot->edges[i].score >= SEQUENCE_SCORE_MIN)
                return (struct view_match){slot->edges[i].from_leaf, slot->edges[i].kind == EDGE_REPLY};
    for (size_t i = 0; same < 0 && i < theirs->count; i++)
        if (sequence_leaf_field(&theirs->leaves[i]) == sequence_leaf_field(l) && theirs->leaves[i].depth == l->depth)
            same = (int)i;
    for (size_t i = 0; same < 0 && i < theirs->count; i++) {
        const struct pb_field *a = sequence_leaf_field(&theirs->leaves[i]), *b = sequence_leaf_field(l);
        if (a->kind == b->kind && strcmp(a->name, b->name) == 0)
            same = (int)i;
    }
    return (struct view_match){same, false};
}

int view_naming_leaf(const struct sequence_graph *g, size_t maker, size_t method)
{
    static const enum sequence_class order[] = {CLASS_ID, CLASS_KEY, CLASS_EMAIL, CLASS_TOKEN, CLASS_NAME, CLASS_TOPIC};
    const struct sequence_shape *s = sequence_input(g, method);
    int best = -1, best_score = 0;
    for (size_t k = 0; k < sizeof order / sizeof order[0]; k++)
        for (size_t i = 0; i < s->count; i++) {
            const struct sequence_slot *slot = &g->methods[method].slots[i];
            if (s->leaves[i].class != order[k] || sequence_leaf_field(&s->leaves[i])->kind != PB_STRING)
                continue;
            if (maker == method)
                return (int)i;
            for (size_t e = 0; e < slot->edge_count; e++)
                if (slot->edges[e].from == maker && slot->edges[e].score > best_score) {
                    best_score = slot->edges[e].score;
                    best = (int)i;
                }
        }
    /* "service" of a Read that takes the name of what was registered. */
    for (size_t i = 0; best < 0 && i < s->count; i++) {
        const struct sequence_slot *slot = &g->methods[method].slots[i];
        if (s->leaves[i].class != CLASS_PLAIN || sequence_leaf_field(&s->leaves[i])->kind != PB_STRING)
            continue;
        for (size_t e = 0; e < slot->edge_count; e++)
            if (slot->edges[e].from == maker && slot->edges[e].score >= 45 &&
                names(sequence_edge_source(g, &slot->edges[e])))
                best = (int)i;
    }
    return best;
}

bool view_is_condition(const struct sequence_leaf *l)
{
    struct sequence_words w;
    if (l->class != CLASS_REVISION)
        return false;
    sequence_words_of(sequence_leaf_field(l)->name, &w);
    return sequence_words_have(&w, "if") || sequence_words_have(&w, "expected") || sequence_words_have(&w, "match");
}

static bool value_of(const struct sequence_view *v, size_t call, struct view_match m, struct bytes *out)
{
    const struct sequence_graph *g = v->graph;
    size_t method = (size_t)v->calls[call].method;
    *out = BYTES_NONE;
    if (!m.of_reply)
        return view_value(v, call, &sequence_input(g, method)->leaves[m.leaf], out);
    return sequence_leaf_get(&sequence_output(g, method)->leaves[m.leaf], sequence_reply(v->trace, (uint32_t)call, 0),
                             out);
}

/* `loosely`: what the call says beside which thing it means may differ. */
static bool is_about(const struct sequence_view *v, size_t maker, size_t call, bool loosely, struct bytes *name)
{
    const struct sequence_graph *g = v->graph;
    if (v->calls[maker].method < 0 || v->calls[call].method < 0 || !v->calls[call].resolved || v->trace == NULL)
        return false;
    size_t m = (size_t)v->calls[maker].method, c = (size_t)v->calls[call].method;
    int naming = view_naming_leaf(g, m, c);
    if (naming < 0)
        return false;
    const struct sequence_shape *s = sequence_input(g, c);
    if (!view_value(v, call, &s->leaves[naming], name))
        return false;
    for (size_t i = 0; i < s->count; i++) {
        struct view_match match = view_match_leaf(g, m, c, i);
        struct bytes mine, theirs = BYTES_NONE;
        view_value(v, call, &s->leaves[i], &mine);
        if (match.leaf >= 0)
            value_of(v, maker, match, &theirs);
        /* What it changes may differ; what it says of which thing may not. */
        if (g->methods[c].role == ROLE_END && view_is_condition(&s->leaves[i]))
            continue;
        bool says_which =
            m == c || !loosely || names(&s->leaves[i]) || s->leaves[i].class == CLASS_CONTEXT || (int)i == naming;
        if (says_which && !bytes_equal(mine, theirs))
            return false;
    }
    return name->len > 0;
}

bool view_about(const struct sequence_view *v, size_t maker, size_t call, struct bytes *name)
{
    return is_about(v, maker, call,
                    v->calls[call].method >= 0 && v->graph->methods[v->calls[call].method].role == ROLE_UPDATE, name);
}

bool view_asks_for(const struct sequence_view *v, size_t maker, size_t call, struct bytes name)
{
    struct bytes asked;
    return is_about(v, maker, call, true, &asked) && bytes_equal(asked, name);
}

/* ---- replies ---- */

#define HOLDER_DEPTH_MAX 16

/* How often a field has the value; `*first` gets the message of the first one, when it is blank. */
static size_t holders(const struct pb_type *type, struct bytes message, struct bytes value, int depth,
                      struct bytes *first)
{
    struct bytes rest = message;
    struct wire_item item;
    size_t count = 0;
    while (wire_next(&rest, &item)) {
        const struct pb_field *f = item.type == WIRE_BYTES ? pb_field_by_number(type, item.number) : NULL;
        if (f == NULL)
            continue;
        if ((f->kind == PB_STRING || f->kind == PB_BYTES) && bytes_equal(item.value, value)) {
            *first = first->len == 0 ? message : *first;
            count++;
        }
        if (f->kind == PB_MESSAGE && depth < HOLDER_DEPTH_MAX)
            count += holders(f->message, item.value, value, depth + 1, first);
    }
    return count;
}

static const struct pb_type *output_of(const struct sequence_view *v, size_t call)
{
    return v->calls[call].method >= 0 ? v->graph->methods[v->calls[call].method].method->output : NULL;
}

size_t view_holders(const struct sequence_view *v, size_t call, struct bytes value, struct bytes *first)
{
    const struct pb_type *type = output_of(v, call);
    size_t count = 0;
    *first = BYTES_NONE;
    for (size_t i = 0; type != NULL && value.len > 0 && v->trace != NULL && i < v->trace->replies.count; i++) {
        const struct trace_reply *r = &v->trace->replies.items[i];
        if (r->call == call && !r->broken)
            count += holders(type, fuzz_trace_bytes(v->trace, r->body), value, 0, first);
    }
    return count;
}

struct bytes view_first_holder(const struct sequence_view *v, size_t call, struct bytes value)
{
    struct bytes first;
    (void)view_holders(v, call, value, &first);
    return first;
}

bool view_is_top(const struct sequence_view *v, size_t call, struct bytes held)
{
    for (size_t i = 0; v->trace != NULL && i < v->trace->replies.count; i++) {
        const struct trace_reply *r = &v->trace->replies.items[i];
        if (r->call == call && fuzz_trace_bytes(v->trace, r->body).data == held.data)
            return true;
    }
    return false;
}

bool view_reply_names(const struct sequence_view *v, size_t call, struct bytes value)
{
    return view_first_holder(v, call, value).len > 0;
}

bool view_leaf_has(const struct sequence_view *v, size_t call, size_t leaf, struct bytes value)
{
    const struct sequence_leaf *l = &sequence_output(v->graph, (size_t)v->calls[call].method)->leaves[leaf];
    for (size_t i = 0; v->trace != NULL && value.len > 0 && i < v->trace->replies.count; i++) {
        const struct trace_reply *r = &v->trace->replies.items[i];
        if (r->call == call && sequence_leaf_count(l, fuzz_trace_bytes(v->trace, r->body), value) > 0)
            return true;
    }
    return false;
}

bool view_reply_has(const struct sequence_view *v, size_t call, struct bytes part)
{
    for (size_t i = 0; v->trace != NULL && part.len > 0 && i < v->trace->replies.count; i++) {
        const struct trace_reply *r = &v->trace->replies.items[i];
        struct bytes body = fuzz_trace_bytes(v->trace, r->body);
        if (r->call == call && body.len >= part.len && memmem(body.data, body.len, part.data, part.len) != NULL)
            return true;
    }
    return false;
}

size_t view_reply_count(const struct sequence_view *v, size_t call, struct bytes value)
{
    size_t best = 0;
    if (v->trace == NULL || v->calls[call].method < 0)
        return 0;
    const struct sequence_shape *s = sequence_output(v->graph, (size_t)v->calls[call].method);
    for (size_t l = 0; l < s->count; l++) {
        size_t count = 0;
        if (!sequence_class_names_one(s->leaves[l].class))
            continue;
        for (size_t i = 0; i < v->trace->replies.count; i++) {
            const struct trace_reply *r = &v->trace->replies.items[i];
            if (r->call == call)
                count += sequence_leaf_count(&s->leaves[l], fuzz_trace_bytes(v->trace, r->body), value);
        }
        best = count > best ? count : best;
    }
    return best;
}
