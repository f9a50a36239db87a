#include "fuzz/sequence/check_internal.h"

#include "fuzz/case/links.h"
#include "fuzz/sequence/link.h"
#include "fuzz/sequence/wire.h"
#include "wire/grpc.h"

#include <stdarg.h>
#include <string.h>

const struct sequence_checker sequence_checkers[] = {
    {"read-after-delete", "what was deleted can still be read", check_deleted_probe, check_deleted_judge},
    {"freed-id", "what was deleted can still be changed or used, though what never was cannot", check_freed_probe,
     check_freed_judge},
    {"other-tenant", "another account reads or takes away what this one made", check_tenant_probe, check_tenant_judge},
    {"no-token", "a call works without its token", check_token_probe, check_token_judge},
    {"retry", "the same creation again makes a second thing of the same id", check_retry_probe, check_retry_judge},
    {"unknown-lost", "an update loses fields the system had kept although it does not know them", check_unknown_probe,
     check_unknown_judge},
    {"list-omits", "a list does not show what was created and can be read", check_list_probe, check_list_judge},
    {"limit-ignored", "more comes back than the request's limit allows", check_limit_probe, check_limit_judge},
    {"filter-broken", "what comes back does not begin or end as was asked for", check_filter_probe, check_filter_judge},
    {"pages-broken", "pages asked for one behind the other are not the whole list", check_pages_probe,
     check_pages_judge},
    {"delivery-lost", "what was published, and acknowledged by nobody, does not reach the reader that stays",
     check_delivery_probe, check_delivery_judge},
    {"lost-update", "a write is OK, and what was there before it is still read", check_update_probe,
     check_update_judge},
    {"condition-ignored", "a change on condition of a revision is made although it is another", check_condition_probe,
     check_condition_judge},
    {"default-differs", "what is made without saying where is not found without saying where", check_default_probe,
     check_default_judge},
    {"place-omits", "a list of places does not show one in which something is", check_place_probe, check_place_judge},
    {"expiry-ignored", "what was given a time to live is there when what got it later is gone", check_expiry_probe,
     check_expiry_judge},
};
const size_t sequence_checker_count = sizeof sequence_checkers / sizeof sequence_checkers[0];

const struct sequence_checker *sequence_checker_find(const char *name)
{
    for (size_t i = 0; i < sequence_checker_count; i++)
        if (strcmp(sequence_checkers[i].name, name) == 0)
            return &sequence_checkers[i];
    return NULL;
}

static int find_pairs(struct sequence_view *v);

int sequence_check(const struct sequence_graph *g, const struct fuzz_case *c, const struct fuzz_trace *t,
                   void (*found)(void *arg, const struct sequence_checker *checker,
                                 const struct sequence_finding *finding),
                   void *arg)
{
    struct sequence_view v = {.count = 0};
    int count = 0, rc = 0;
    if (fuzz_links_damage(c))
        return 0; /* what reads damaged data may say anything */
    rc = sequence_view_of(&v, g, c, t);
    if (rc == 0)
        rc = find_pairs(&v);
    for (size_t i = 0; rc == 0 && i < sequence_checker_count; i++) {
        struct sequence_finding finding = {.call = 0, .why = TEXT_INIT};
        if (sequence_checkers[i].judge(&v, &finding)) {
            count++;
            found(arg, &sequence_checkers[i], &finding);
        }
        text_deinit(&finding.why);
    }
    sequence_view_deinit(&v);
    return rc != 0 ? rc : count;
}

/* ---- shared ---- */

enum sequence_role check_role(const struct sequence_view *v, size_t call)
{
    return v->calls[call].method >= 0 ? v->graph->methods[v->calls[call].method].role : ROLE_OTHER;
}

bool check_own(const struct sequence_view *v, size_t call)
{
    return (v->calls[call].flags & (EVENT_NO_TOKEN | EVENT_OTHER_TENANT)) == 0;
}

bool check_behind(const struct sequence_view *v, size_t earlier, size_t later)
{
    return v->calls[earlier].awaited > 0 && v->calls[earlier].awaited < v->calls[later].event;
}

bool check_same(const struct sequence_view *v, size_t a, size_t b)
{
    return v->calls[a].method >= 0 && v->calls[a].method == v->calls[b].method && v->calls[a].resolved &&
           v->calls[b].resolved && bytes_equal(view_request(v, a), view_request(v, b));
}

struct bytes check_shown(const struct sequence_view *v, size_t call, struct bytes name)
{
    struct bytes held = view_first_holder(v, call, name);
    /* A name alone, with its tag and length, could be the question given back. */
    return held.len >= name.len + 4 ? held : BYTES_NONE;
}

bool check_alone(const struct sequence_view *v, size_t maker, size_t other, size_t until, struct bytes name)
{
    return check_quiet(v, 1U << maker | 1U << other, 0, until, name);
}

/* Nobody waited for its end, or it was not the method that answered: what it asked for may happen at any time from
 * there on, or never. */
static bool is_open(const struct trace_call *r)
{
    return r == NULL || r->status < 0 || r->timed_out || r->ended_by_us || r->status == GRPC_CANCELLED ||
           r->status == GRPC_DEADLINE_EXCEEDED || r->status == GRPC_UNAVAILABLE;
}

/* It was refused, and so did nothing. One that failed may have done it before. */
static bool was_refused(const struct trace_call *r)
{
    return !is_open(r) && r->status != GRPC_OK && r->status != GRPC_UNKNOWN && r->status != GRPC_INTERNAL &&
           r->status != GRPC_DATA_LOSS;
}

/* A write whose end nobody knows may come to pass behind the deletion and make the thing anew: where there is one,
 * however early, what is read proves nothing. */
bool check_quiet(const struct sequence_view *v, uint32_t mask, size_t from, size_t until, struct bytes name)
{
    for (size_t i = 0; i < until; i++) {
        enum sequence_role role = check_role(v, i);
        const struct trace_call *r = view_result(v, i);
        bool over = i < from && check_behind(v, i, from) && !is_open(r);
        if ((mask >> i & 1) != 0 || over || was_refused(r) ||
            (role != ROLE_CREATE && role != ROLE_UPDATE && role != ROLE_OTHER && role != ROLE_END))
            continue;
        struct bytes request = view_request(v, i);
        if (v->calls[i].method < 0 || v->calls[i].unsure || name.len == 0 ||
            (request.len >= name.len && memmem(request.data, request.len, name.data, name.len) != NULL))
            return false;
    }
    return true;
}

bool check_reads(const struct sequence_view *v, size_t call)
{
    enum sequence_role role = check_role(v, call);
    return (role == ROLE_READ || role == ROLE_LIST) && view_worked(v, call) && check_own(v, call);
}

bool check_lists_for(const struct sequence_graph *g, size_t list, size_t method, size_t made_by)
{
    int naming = view_naming_leaf(g, made_by, method);
    if (naming < 0 || g->methods[list].role != ROLE_LIST ||
        g->methods[list].method->service != g->methods[method].method->service)
        return false;
    const struct sequence_slot *slot = &g->methods[method].slots[naming];
    for (size_t i = 0; i < slot->edge_count; i++)
        if (slot->edges[i].from == list && slot->edges[i].kind == EDGE_REPLY && slot->edges[i].score >= 40)
            return true;
    return false;
}

int check_list_of(const struct sequence *s, size_t method, size_t made_by)
{
    for (size_t m = 0; m < s->graph->method_count; m++)
        if (check_lists_for(s->graph, m, method, made_by))
            return (int)m;
    return -1;
}

struct once {
    struct bytes value;
    size_t count;
};

static bool count_once(void *arg, struct bytes value)
{
    struct once *o = arg;
    o->value = value;
    o->count++;
    return false;
}

bool check_said(const struct sequence_view *v, size_t call, const struct sequence_leaf *l, struct bytes *out)
{
    struct once o = {.count = 0};
    (void)sequence_leaf_each(l, view_request(v, call), count_once, &o);
    *out = o.value;
    return o.count == 1 && v->calls[call].resolved &&
           !v->graph->methods[v->calls[call].method].method->client_streaming;
}

uint64_t check_number(const struct sequence_leaf *l, struct bytes value)
{
    enum pb_kind kind = sequence_leaf_field(l)->kind;
    uint64_t n = 0;
    bool whole = kind == PB_INT32 || kind == PB_INT64 || kind == PB_UINT32 || kind == PB_UINT64;
    if (!whole || value.len == 0 || pb_varint_read(value, &n) != value.len || n > INT64_MAX)
        return UINT64_MAX;
    return kind == PB_UINT32 ? (uint32_t)n : n;
}

int check_told(int rc)
{
    return rc >= 0 ? 1 : rc == ERROR_MEMORY ? rc : 0;
}

int check_pause(struct fuzz_case *c)
{
    return fuzz_case_add(c, &(struct fuzz_event){.kind = EVENT_TIME, .number = CHECK_PAUSE}, BYTES_NONE, BYTES_NONE);
}

int check_put(struct sequence *s, struct fuzz_case *c, size_t call, const struct sequence_leaf *l, struct bytes value)
{
    struct text changed = TEXT_INIT;
    struct fuzz_path path;
    const struct pb_field *f = sequence_leaf_field(l);
    const struct fuzz_value raw = {.kind = f->kind, .wire = (uint8_t)fuzz_wire_type(f), .bytes = value};
    if (sequence_view_of(&s->view, s->graph, c, NULL) != 0)
        return ERROR_MEMORY;
    size_t event = s->view.calls[call].message;
    sequence_leaf_path(l, l->depth, &path);
    int rc = event > 0 ? fuzz_path_put(&path, s->graph->methods[s->view.calls[call].method].method->input,
                                       fuzz_case_bytes(c, c->events.items[event].value), &raw, &changed)
                       : ERROR_LIMIT;
    if (rc == 0)
        rc = fuzz_case_set_value(c, event, text_bytes(&changed));
    text_deinit(&changed);
    return rc;
}

bool check_is_new(const struct sequence_view *v, size_t maker, struct bytes name)
{
    bool drawn = false;
    for (size_t i = 0; i < name.len; i++)
        drawn = drawn || (name.data[i] >= '0' && name.data[i] <= '9');
    if (!drawn || name.len < CHECK_NAME_MIN)
        return false;
    for (size_t i = 0; i < maker; i++) {
        struct bytes asked = view_request(v, i);
        if (view_reply_has(v, i, name) ||
            (asked.len >= name.len && memmem(asked.data, asked.len, name.data, name.len) != NULL))
            return false;
    }
    return true;
}

/* Of one service, or about one resource: "Accounts.Delete" takes away the Account that "Auth.Generate" gave. */
static bool is_kin(const struct sequence_graph *g, size_t m, size_t c)
{
    const struct sequence_method *x = &g->methods[m], *y = &g->methods[c];
    if (x->method->service == y->method->service || sequence_words_equal(&x->resource, &y->resource))
        return true;
    int naming = view_naming_leaf(g, m, c);
    struct view_match match = naming >= 0 ? view_match_leaf(g, m, c, (size_t)naming) : (struct view_match){.leaf = -1};
    if (match.leaf < 0)
        return false;
    const struct sequence_shape *s = match.of_reply ? sequence_output(g, m) : sequence_input(g, m);
    struct sequence_words owner;
    sequence_words_of(sequence_leaf_field(&s->leaves[match.leaf])->owner->name, &owner);
    return sequence_words_equal(&owner, &y->resource);
}

/* What is asked of every two calls by every judge is asked once. ERROR_MEMORY. */
static int find_pairs(struct sequence_view *v)
{
    for (size_t maker = 0; maker < v->count; maker++) {
        if (check_role(v, maker) != ROLE_CREATE || !view_worked(v, maker) || !check_own(v, maker))
            continue;
        for (size_t call = maker + 1; call < v->count; call++) {
            struct view_pair p = {.maker = (uint16_t)maker, .call = (uint16_t)call};
            if (v->calls[call].method >= 0 && check_behind(v, maker, call) &&
                is_kin(v->graph, (size_t)v->calls[maker].method, (size_t)v->calls[call].method) &&
                view_about(v, maker, call, &p.name) && check_is_new(v, maker, p.name) && !array_push(&v->pairs, p))
                return ERROR_MEMORY;
        }
    }
    return 0;
}

bool check_next_pair(const struct sequence_view *v, struct check_pair *p)
{
    if (p->next >= v->pairs.count)
        return false;
    const struct view_pair *found = &v->pairs.items[p->next++];
    p->maker = found->maker;
    p->call = found->call;
    p->name = found->name;
    return true;
}

int check_another(struct sequence *s, struct fuzz_case *c, size_t maker)
{
    int call = build_again(s, c, maker, 0), rc = 0;
    if (call < 0)
        return call;
    size_t method = (size_t)s->view.calls[maker].method;
    const struct sequence_shape *shape = sequence_input(s->graph, method);
    for (size_t i = 0; rc >= 0 && i < shape->count; i++) {
        const struct sequence_leaf *l = &shape->leaves[i];
        struct sequence_value name;
        struct bytes old;
        if (!sequence_class_names_one(l->class) || sequence_leaf_field(l)->kind != PB_STRING ||
            !view_value(&s->view, maker, l, &old))
            continue;
        sequence_fresh(l, &s->random, &name);
        rc = check_put(s, c, (size_t)call, l, BYTES(name.data, name.len));
    }
    return rc < 0 ? rc : call;
}

int check_maker(struct sequence *s, const struct fuzz_case *c)
{
    if (sequence_view_of(&s->view, s->graph, c, NULL) != 0)
        return ERROR_MEMORY;
    for (size_t i = s->view.count; i-- > 0;)
        if (check_role(&s->view, i) == ROLE_CREATE && s->view.calls[i].message > 0)
            return (int)i;
    return ERROR_NOT_FOUND;
}

int check_method(const struct sequence *s, size_t made_by, enum sequence_role role, size_t n)
{
    const struct sequence_graph *g = s->graph;
    /* Those of the same service first, then of the same resource, then what takes the message it gives. */
    for (int near = 2; near >= 0; near--)
        for (size_t m = 0; m < g->method_count; m++) {
            int how = g->methods[m].role != role || g->methods[m].method->client_streaming   ? -1
                      : g->methods[m].method->service == g->methods[made_by].method->service ? 2
                      : sequence_same_resource(g, made_by, m)                                ? 1
                      : !is_kin(g, made_by, m)                                               ? -1
                                                                                             : 0;
            if (how == near && view_naming_leaf(g, made_by, m) >= 0 && n-- == 0)
                return (int)m;
        }
    return -1;
}

int check_draw_method(struct sequence *s, size_t made_by, enum sequence_role role)
{
    const struct sequence_graph *g = s->graph;
    int best = check_method(s, made_by, role, 0), other = check_method(s, made_by, role, 1);
    bool alike = other >= 0 && g->methods[other].method->service == g->methods[best].method->service;
    return alike && random_below(&s->random, 2) == 0 ? other : best;
}

const char *check_path(const struct sequence_view *v, size_t call)
{
    return v->calls[call].method >= 0 ? v->graph->methods[v->calls[call].method].method->path : "?";
}

void check_say(const struct sequence_view *v, struct sequence_finding *out, size_t call, const char *format, ...)
{
    va_list args;
    (void)v;
    out->call = (uint32_t)call;
    va_start(args, format);
    text_vprintf(&out->why, format, args);
    va_end(args);
}
