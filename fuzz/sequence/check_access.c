/* other-tenant and no-token. */
#include "fuzz/sequence/check_internal.h"

#include "wire/grpc.h"

#define STRANGERS 4 /* calls without a token in one probe, beside the case's own */

static bool is_open(const struct sequence_view *v, size_t call)
{
    return v->calls[call].method < 0 || v->graph->methods[v->calls[call].method].open;
}

static bool flagged(const struct sequence_view *v, size_t call, unsigned flag)
{
    return (v->calls[call].flags & (EVENT_NO_TOKEN | EVENT_OTHER_TENANT)) == flag;
}

/* Reads and takes away by turns: what is taken away cannot be read behind it. */
int check_tenant_probe(struct sequence *s, struct fuzz_case *c)
{
    int maker = check_maker(s, c);
    if (maker < 0)
        return check_told(maker);
    size_t made_by = (size_t)s->view.calls[maker].method;
    int read = check_method(s, made_by, ROLE_READ, 0), end = check_method(s, made_by, ROLE_END, 0);
    if (read < 0)
        read = check_method(s, made_by, ROLE_LIST, 0);
    if (read < 0)
        return 0;
    int first = build_about(s, c, (size_t)maker, (size_t)read, NAME_MADE, 0), rc = first;
    if (rc >= 0 && (end < 0 || random_below(&s->random, 2) == 0))
        return check_told(build_again(s, c, (size_t)first, EVENT_OTHER_TENANT));
    if (rc >= 0)
        rc = build_about(s, c, (size_t)maker, (size_t)end, NAME_MADE, EVENT_OTHER_TENANT);
    if (rc >= 0)
        rc = build_again(s, c, (size_t)first, 0);
    return check_told(rc);
}

static bool judge_reading(const struct sequence_view *v, const struct check_pair *p, struct sequence_finding *out)
{
    for (size_t other = p->maker + 1; other < v->count; other++) {
        if (!flagged(v, other, EVENT_OTHER_TENANT) || !view_worked(v, other) || !check_same(v, p->call, other) ||
            !check_behind(v, p->maker, other))
            continue;
        struct bytes shown = check_shown(v, p->call, p->name);
        if (shown.len == 0 || !view_reply_has(v, other, shown))
            continue;
        check_say(v, out, other, "%s shows \"%.*s\", which another account made by %s", check_path(v, other),
                  (int)p->name.len, (const char *)p->name.data, check_path(v, p->maker));
        return true;
    }
    return false;
}

static bool judge_taking(const struct sequence_view *v, const struct check_pair *p, struct sequence_finding *out)
{
    for (size_t end = p->call + 1; end < v->count; end++) {
        struct bytes name;
        if (check_role(v, end) != ROLE_END || !flagged(v, end, EVENT_OTHER_TENANT) || !view_worked(v, end) ||
            is_open(v, end) || !check_behind(v, p->call, end) || !view_about(v, p->maker, end, &name) ||
            !bytes_equal(name, p->name))
            continue;
        for (size_t after = end + 1; after < v->count; after++) {
            const struct trace_call *r = view_result(v, after);
            bool gone = r != NULL &&
                        (r->status == GRPC_NOT_FOUND || (r->status == GRPC_OK && !view_reply_names(v, after, p->name)));
            if (!gone || !check_own(v, after) || !check_same(v, p->call, after) || !check_behind(v, end, after) ||
                check_shown(v, p->call, p->name).len == 0 || !check_alone(v, p->maker, end, after, p->name))
                continue;
            check_say(v, out, end, "%s of another account took \"%.*s\" away", check_path(v, end), (int)p->name.len,
                      (const char *)p->name.data);
            return true;
        }
    }
    return false;
}

bool check_tenant_judge(const struct sequence_view *v, struct sequence_finding *out)
{
    for (struct check_pair p = {0}; check_next_pair(v, &p);) {
        enum sequence_role role = check_role(v, p.call);
        if ((role == ROLE_READ || role == ROLE_LIST) && view_worked(v, p.call) && check_own(v, p.call) &&
            !is_open(v, p.call) && (judge_reading(v, &p, out) || judge_taking(v, &p, out)))
            return true;
    }
    return false;
}

/* ---- no-token ---- */

/* Places that are not asked for every day: whoever looks at the place first may forget the token. */
static int move_elsewhere(struct sequence *s, struct fuzz_case *c, size_t call, size_t method)
{
    static const char *const places[] = {"*", "default", "public"};
    const struct sequence_shape *shape = sequence_input(s->graph, method);
    for (size_t i = 0; i < shape->count; i++)
        if (shape->leaves[i].class == CLASS_CONTEXT && sequence_leaf_field(&shape->leaves[i])->kind == PB_STRING &&
            random_below(&s->random, 2) == 0)
            return check_put(s, c, call, &shape->leaves[i],
                             bytes_of(places[random_below(&s->random, sizeof places / sizeof places[0])]));
    return 0;
}

/* The case's last call without its token; by turns any other methods, so that those that make nothing are asked too. */
int check_token_probe(struct sequence *s, struct fuzz_case *c)
{
    if (random_below(&s->random, 2) == 0) {
        if (sequence_view_of(&s->view, s->graph, c, NULL) != 0)
            return ERROR_MEMORY;
        return s->view.count == 0 ? 0 : check_told(build_again(s, c, s->view.count - 1, EVENT_NO_TOKEN));
    }
    int rc = 0;
    for (int i = 0; rc >= 0 && i < STRANGERS; i++) {
        size_t method = (size_t)random_below(&s->random, s->graph->method_count);
        rc = s->graph->methods[method].open ? 0 : sequence_append(s, c, method, NULL, EVENT_NO_TOKEN);
        if (rc > 0)
            rc = move_elsewhere(s, c, (size_t)rc, method);
    }
    return check_told(rc);
}

/* Who reads by a token or a secret in the message has proven who he is: "introspect this token". */
static bool proves_itself(const struct sequence_view *v, size_t call)
{
    const struct sequence_shape *s = sequence_input(v->graph, (size_t)v->calls[call].method);
    struct bytes value;
    for (size_t i = 0; check_role(v, call) == ROLE_READ && i < s->count; i++)
        if ((s->leaves[i].class == CLASS_TOKEN || s->leaves[i].class == CLASS_SECRET) &&
            view_value(v, call, &s->leaves[i], &value))
            return true;
    return false;
}

bool check_token_judge(const struct sequence_view *v, struct sequence_finding *out)
{
    for (size_t i = 0; i < v->count; i++) {
        const struct trace_call *r = view_result(v, i);
        enum sequence_role role = check_role(v, i);
        if (r == NULL || !flagged(v, i, EVENT_NO_TOKEN) || r->status != GRPC_OK || is_open(v, i) ||
            role == ROLE_CREDENTIAL || proves_itself(v, i))
            continue;
        bool told_something = false;
        for (size_t k = 0; k < v->trace->replies.count; k++)
            told_something =
                told_something || (v->trace->replies.items[k].call == i && v->trace->replies.items[k].body.len > 0);
        if (!told_something && role != ROLE_CREATE && role != ROLE_UPDATE && role != ROLE_END)
            continue;
        check_say(v, out, i, "%s is OK without a token", check_path(v, i));
        return true;
    }
    return false;
}
