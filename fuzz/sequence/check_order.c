/* read-after-delete and freed-id. */
#include "fuzz/sequence/check_internal.h"

#include "wire/grpc.h"

#include <string.h>

static size_t few(struct sequence *s)
{
    return (size_t)random_below(&s->random, 2);
}

/* One of the first two of that role, so that both get their turn. */
static int draw_method(struct sequence *s, size_t made_by, enum sequence_role role)
{
    int m = check_method(s, made_by, role, few(s));
    return m >= 0 ? m : check_method(s, made_by, role, 0);
}

static bool refused_as_not_there(const struct trace_call *r)
{
    return r != NULL && !r->timed_out && !r->ended_by_us &&
           (r->status == GRPC_NOT_FOUND || r->status == GRPC_INVALID_ARGUMENT ||
            r->status == GRPC_FAILED_PRECONDITION || r->status == GRPC_UNKNOWN || r->status == GRPC_PERMISSION_DENIED ||
            r->status == GRPC_UNAUTHENTICATED);
}

/* The same request about something nobody made, which is called `unknown`. */
static bool is_control(const struct sequence_view *v, size_t use, size_t control, int naming, struct bytes *out)
{
    const struct sequence_shape *s = sequence_input(v->graph, (size_t)v->calls[use].method);
    struct bytes unknown = BYTES_NONE;
    if (control == use || v->calls[control].method != v->calls[use].method || !check_own(v, control))
        return false;
    for (size_t i = 0; i < s->count; i++) {
        struct bytes a, b;
        view_value(v, use, &s->leaves[i], &a);
        view_value(v, control, &s->leaves[i], &b);
        if ((int)i == naming)
            unknown = b;
        else if (!bytes_equal(a, b))
            return false;
    }
    for (size_t i = 0; unknown.len > 0 && i < v->count; i++) {
        struct bytes request = view_request(v, i);
        if (i != control && request.len >= unknown.len &&
            memmem(request.data, request.len, unknown.data, unknown.len) != NULL)
            return false;
    }
    *out = unknown;
    return unknown.len > 0;
}

/* 1: all appended, 0: one of them cannot be said. */
static int told(int rc)
{
    return rc >= 0 ? 1 : rc == ERROR_MEMORY ? rc : 0;
}

int check_deleted_probe(struct sequence *s, struct fuzz_case *c)
{
    int maker = check_maker(s, c);
    if (maker < 0)
        return told(maker);
    size_t made_by = (size_t)s->view.calls[maker].method;
    int read = draw_method(s, made_by, ROLE_READ), end = draw_method(s, made_by, ROLE_END);
    if (read < 0 || end < 0)
        return 0;
    int rc = build_about(s, c, (size_t)maker, (size_t)read, NAME_MADE, 0);
    if (rc >= 0)
        rc = build_about(s, c, (size_t)maker, (size_t)end, NAME_MADE, 0);
    if (rc >= 0)
        rc = build_about(s, c, (size_t)maker, (size_t)read, NAME_MADE, 0);
    if (rc >= 0)
        rc = build_about(s, c, (size_t)maker, (size_t)read, NAME_FRESH, 0);
    return told(rc);
}

/* It is all the call shows of anything, there or not: the same but for the name. */
static bool shows_the_same(const struct sequence_view *v, size_t control, struct bytes unknown, struct bytes shown,
                           struct bytes name)
{
    struct bytes other = view_first_holder(v, control, unknown);
    if (other.len != shown.len || unknown.len != name.len)
        return other.len > 0 && unknown.len != name.len; /* cannot be told */
    for (size_t i = 0; i < shown.len;) {
        bool named = shown.len - i >= name.len && memcmp(shown.data + i, name.data, name.len) == 0;
        size_t len = named ? name.len : 1;
        if (memcmp(other.data + i, named ? unknown.data : shown.data + i, len) != 0)
            return false;
        i += len;
    }
    return true;
}

/* What the same call says of something nobody made: refused, or another thing than `shown`. */
static bool is_refuted(const struct sequence_view *v, size_t read, size_t maker, struct bytes shown, struct bytes name)
{
    int naming = view_naming_leaf(v->graph, (size_t)v->calls[maker].method, (size_t)v->calls[read].method);
    for (size_t control = 0; control < v->count; control++) {
        struct bytes unknown = BYTES_NONE;
        if (naming >= 0 && is_control(v, read, control, naming, &unknown) &&
            (refused_as_not_there(view_result(v, control)) ||
             (view_worked(v, control) && !shows_the_same(v, control, unknown, shown, name))))
            return true;
    }
    return false;
}

bool check_deleted_judge(const struct sequence_view *v, struct sequence_finding *out)
{
    for (struct check_pair p = {0}; check_next_pair(v, &p);) {
        if (check_role(v, p.call) != ROLE_END || !view_worked(v, p.call) || !check_own(v, p.call))
            continue;
        for (size_t after = p.call + 1; after < v->count; after++) {
            if (!view_worked(v, after) || !check_own(v, after) || !check_behind(v, p.call, after) ||
                !check_alone(v, p.maker, p.call, after, p.name))
                continue;
            for (size_t before = p.maker + 1; before < p.call; before++) {
                enum sequence_role role = check_role(v, before);
                struct bytes shown = BYTES_NONE;
                if ((role == ROLE_READ || role == ROLE_LIST) && check_same(v, before, after) &&
                    view_worked(v, before) && check_behind(v, p.maker, before) && check_behind(v, before, p.call))
                    shown = check_shown(v, before, p.name);
                if (shown.len == 0 || !view_reply_has(v, after, shown) || !is_refuted(v, after, p.maker, shown, p.name))
                    continue;
                check_say(v, out, after, "%s still shows \"%.*s\" after %s of it was OK", check_path(v, after),
                          (int)p.name.len, (const char *)p.name.data, check_path(v, p.call));
                return true;
            }
        }
    }
    return false;
}

/* ---- freed-id ---- */

int check_freed_probe(struct sequence *s, struct fuzz_case *c)
{
    int maker = check_maker(s, c);
    if (maker < 0)
        return told(maker);
    size_t made_by = (size_t)s->view.calls[maker].method;
    int end = draw_method(s, made_by, ROLE_END), use = draw_method(s, made_by, ROLE_UPDATE);
    if (use < 0 || few(s) == 0) {
        int credential = check_method(s, made_by, ROLE_CREDENTIAL, 0);
        use = credential >= 0 ? credential : use;
    }
    if (end < 0 || use < 0)
        return 0;
    int rc = build_about(s, c, (size_t)maker, (size_t)end, NAME_MADE, 0);
    if (rc >= 0)
        rc = build_about(s, c, (size_t)maker, (size_t)use, NAME_MADE, 0);
    if (rc >= 0)
        rc = build_about(s, c, (size_t)maker, (size_t)use, NAME_FRESH, 0);
    return told(rc);
}

bool check_freed_judge(const struct sequence_view *v, struct sequence_finding *out)
{
    for (struct check_pair p = {0}; check_next_pair(v, &p);) {
        if (check_role(v, p.call) != ROLE_END || !view_worked(v, p.call) || !check_own(v, p.call))
            continue;
        for (size_t use = p.call + 1; use < v->count; use++) {
            enum sequence_role role = check_role(v, use);
            struct bytes name;
            if ((role != ROLE_UPDATE && role != ROLE_CREDENTIAL) || !view_worked(v, use) || !check_own(v, use) ||
                !check_behind(v, p.call, use) || !view_about(v, p.maker, use, &name) || !bytes_equal(name, p.name) ||
                !check_alone(v, p.maker, p.call, use, p.name))
                continue;
            int naming = view_naming_leaf(v->graph, (size_t)v->calls[p.maker].method, (size_t)v->calls[use].method);
            struct bytes unknown;
            for (size_t control = 0; control < v->count; control++)
                if (is_control(v, use, control, naming, &unknown) && refused_as_not_there(view_result(v, control))) {
                    check_say(v, out, use, "%s takes \"%.*s\" after %s of it was OK; of what never was it says %s",
                              check_path(v, use), (int)name.len, (const char *)name.data, check_path(v, p.call),
                              grpc_status_name(view_result(v, control)->status));
                    return true;
                }
        }
    }
    return false;
}
