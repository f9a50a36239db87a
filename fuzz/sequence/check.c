#include "fuzz/sequence/check_internal.h"

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
};
const size_t sequence_checker_count = sizeof sequence_checkers / sizeof sequence_checkers[0];

const struct sequence_checker *sequence_checker_find(const char *name)
{
    for (size_t i = 0; i < sequence_checker_count; i++)
        if (strcmp(sequence_checkers[i].name, name) == 0)
            return &sequence_checkers[i];
    return NULL;
}

int sequence_check(const struct sequence_graph *g, const struct fuzz_case *c, const struct fuzz_trace *t,
                   void (*found)(void *arg, const struct sequence_checker *checker,
                                 const struct sequence_finding *finding),
                   void *arg)
{
    struct sequence_view v = {.count = 0};
    int count = 0, rc = sequence_view_of(&v, g, c, t);
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
    for (size_t i = 0; i < until; i++) {
        enum sequence_role role = check_role(v, i);
        if (i == maker || i == other ||
            (role != ROLE_CREATE && role != ROLE_UPDATE && role != ROLE_OTHER && role != ROLE_END))
            continue;
        const struct trace_call *r = view_result(v, i);
        /* One that was refused did nothing; of one that was never answered nobody knows. */
        if (r != NULL && r->status > 0 && !r->timed_out)
            continue;
        struct bytes request = view_request(v, i);
        if (v->calls[i].method < 0 || name.len == 0 ||
            (request.len >= name.len && memmem(request.data, request.len, name.data, name.len) != NULL))
            return false;
    }
    return true;
}

/* The maker made something of that name, and did not take one up that was there: nobody said the name before, and it
 * is no word that many things may be called by. */
static bool is_new_name(const struct sequence_view *v, size_t maker, struct bytes name)
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
static bool is_kin(const struct sequence_view *v, size_t maker, size_t call)
{
    const struct sequence_graph *g = v->graph;
    size_t m = (size_t)v->calls[maker].method, c = (size_t)v->calls[call].method;
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

bool check_next_pair(const struct sequence_view *v, struct check_pair *p)
{
    for (; p->maker < v->count; p->maker++, p->call = 0) {
        if (p->call <= p->maker)
            p->call = p->maker;
        if (check_role(v, p->maker) != ROLE_CREATE || !view_worked(v, p->maker) || !check_own(v, p->maker))
            continue;
        while (++p->call < v->count)
            if (v->calls[p->call].method >= 0 && check_behind(v, p->maker, p->call) && is_kin(v, p->maker, p->call) &&
                view_about(v, p->maker, p->call, &p->name) && is_new_name(v, p->maker, p->name))
                return true;
    }
    return false;
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
    /* Those of the same service first. */
    for (int same = 1; same >= 0; same--)
        for (size_t m = 0; m < g->method_count; m++) {
            bool here = g->methods[m].method->service == g->methods[made_by].method->service;
            if (g->methods[m].role == role && here == (same == 1) && (here || sequence_same_resource(g, made_by, m)) &&
                !g->methods[m].method->client_streaming && view_naming_leaf(g, made_by, m) >= 0 && n-- == 0)
                return (int)m;
        }
    return -1;
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
