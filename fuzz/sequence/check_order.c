/* read-after-delete and freed-id. */
#include "fuzz/sequence/check_internal.h"

#include "fuzz/case/links.h"
#include "fuzz/sequence/link.h"
#include "wire/grpc.h"

#include <string.h>

#define CHECK_LOOKS 2 /* at a list behind a deletion, with a pause before each */

static size_t few(struct sequence *s)
{
    return (size_t)random_below(&s->random, 2);
}

/* Made of letters, digits, and what stands in the other name as well, and not much longer: nothing is wrong with its
 * form. */
static bool is_such_a_name(struct bytes unknown, struct bytes name)
{
    for (size_t i = 0; i < unknown.len; i++) {
        uint8_t b = unknown.data[i];
        bool plain = (b >= 'a' && b <= 'z') || (b >= 'A' && b <= 'Z') || (b >= '0' && b <= '9');
        if (!plain && memchr(name.data, b, name.len) == NULL)
            return false;
    }
    return unknown.len <= 2 * name.len;
}

/* What is refused for its form says nothing of what is there: only NOT_FOUND says so whatever it was asked by. */
static bool refused_as_not_there(const struct sequence_view *v, size_t call, struct bytes unknown, struct bytes name)
{
    const struct trace_call *r = view_result(v, call);
    if (r == NULL || r->timed_out || r->ended_by_us)
        return false;
    return r->status == GRPC_NOT_FOUND ||
           ((r->status == GRPC_INVALID_ARGUMENT || r->status == GRPC_FAILED_PRECONDITION || r->status == GRPC_UNKNOWN ||
             r->status == GRPC_PERMISSION_DENIED || r->status == GRPC_UNAUTHENTICATED) &&
            is_such_a_name(unknown, name) && pb_scan(r->method->input->descriptor, view_request(v, call), NULL) == 0);
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

/* A deletion on condition of a revision gets that of the reading, now and then. */
static int condition(struct sequence *s, struct fuzz_case *c, size_t end, size_t reading)
{
    struct fuzz_path from, to;
    if (sequence_view_of(&s->view, s->graph, c, NULL) != 0)
        return ERROR_MEMORY;
    size_t method = (size_t)s->view.calls[end].method, read = (size_t)s->view.calls[reading].method;
    const struct sequence_shape *shape = sequence_input(s->graph, method), *reply = sequence_output(s->graph, read);
    const struct sequence_leaf *said = NULL, *shown = NULL;
    for (size_t i = 0; i < shape->count; i++)
        if (view_is_condition(&shape->leaves[i]))
            said = &shape->leaves[i];
    for (size_t i = 0; i < reply->count; i++)
        if (reply->leaves[i].class == CLASS_REVISION) /* the deepest is the thing's own */
            shown = &reply->leaves[i];
    if (said == NULL || shown == NULL || few(s) == 0)
        return 0;
    sequence_leaf_path(shown, shown->depth, &from);
    sequence_leaf_path(said, said->depth, &to);
    return fuzz_links_add(c, s->view.calls[end].message, (uint32_t)reading, 0, &from, &to);
}

/* The list that names what the deletion takes, before it and twice behind it. */
static int list_probe(struct sequence *s, struct fuzz_case *c, size_t maker, size_t list, size_t end)
{
    uint8_t blank[SEQUENCE_LEAVES_MAX] = {SOURCE_EMPTY};
    int first = sequence_append(s, c, list, blank, 0);
    int rc = first < 0 ? first : build_about(s, c, maker, end, NAME_MADE, 0);
    for (int i = 0; rc >= 0 && i < CHECK_LOOKS; i++) {
        rc = check_pause(c);
        if (rc >= 0)
            rc = build_again(s, c, (size_t)first, 0);
    }
    return check_told(rc);
}

/* Made, changed as well now and then (a second later, for those who go by time), read, deleted, read again; and the
 * same reading about what nobody made. */
int check_deleted_probe(struct sequence *s, struct fuzz_case *c)
{
    int maker = check_maker(s, c);
    if (maker < 0)
        return check_told(maker);
    size_t made_by = (size_t)s->view.calls[maker].method;
    int read = check_draw_method(s, made_by, ROLE_READ), end = check_draw_method(s, made_by, ROLE_END);
    int update = check_draw_method(s, made_by, ROLE_UPDATE), rc = 0;
    int list = end >= 0 ? check_list_of(s, (size_t)end, made_by) : -1;
    if ((read < 0 && list < 0) || end < 0)
        return 0;
    if (update >= 0 && few(s) == 0) {
        rc = check_pause(c);
        if (rc >= 0)
            rc = build_about(s, c, (size_t)maker, (size_t)update, NAME_MADE, 0);
    }
    if (rc >= 0 && list >= 0 && (read < 0 || few(s) == 0))
        return list_probe(s, c, (size_t)maker, (size_t)list, (size_t)end);
    int reading = rc < 0 ? rc : build_about(s, c, (size_t)maker, (size_t)read, NAME_MADE, 0);
    int ending = reading < 0 ? reading : build_about(s, c, (size_t)maker, (size_t)end, NAME_MADE, 0);
    rc = ending < 0 ? ending : condition(s, c, (size_t)ending, (size_t)reading);
    if (rc >= 0)
        rc = build_again(s, c, (size_t)reading, 0);
    if (rc >= 0)
        rc = build_about(s, c, (size_t)maker, (size_t)read, NAME_FRESH, 0);
    return check_told(rc);
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

/* What the same call says of something nobody made: refused, or another thing than `shown`. Asked behind the making,
 * for where things are kept may have come to be by it. */
static bool is_refuted(const struct sequence_view *v, size_t read, size_t maker, struct bytes shown, struct bytes name)
{
    int naming = view_naming_leaf(v->graph, (size_t)v->calls[maker].method, (size_t)v->calls[read].method);
    for (size_t control = 0; control < v->count; control++) {
        struct bytes unknown = BYTES_NONE;
        if (naming >= 0 && check_behind(v, maker, control) && is_control(v, read, control, naming, &unknown) &&
            (refused_as_not_there(v, control, unknown, name) ||
             (view_worked(v, control) && !shows_the_same(v, control, unknown, shown, name))))
            return true;
    }
    return false;
}

/* Of something nobody made the same call says that it is not there, asked as well behind the making. */
static bool is_known(const struct sequence_view *v, size_t read, size_t maker)
{
    int naming = view_naming_leaf(v->graph, (size_t)v->calls[maker].method, (size_t)v->calls[read].method);
    struct bytes unknown;
    for (size_t control = 0; naming >= 0 && control < v->count; control++)
        if (check_behind(v, maker, control) && is_control(v, read, control, naming, &unknown) &&
            view_result(v, control) != NULL && view_result(v, control)->status == GRPC_NOT_FOUND)
            return true;
    return false;
}

/* Both answered the same. */
static bool same_answer(const struct sequence_view *v, size_t a, size_t b)
{
    const struct trace_call *x = view_result(v, a), *y = view_result(v, b);
    if (x == NULL || y == NULL || x->replies != y->replies || x->status != y->status || x->ended_by_us ||
        y->ended_by_us)
        return false;
    for (uint32_t i = 0; i < x->replies; i++)
        if (!bytes_equal(sequence_reply(v->trace, (uint32_t)a, i), sequence_reply(v->trace, (uint32_t)b, i)))
            return false;
    return true;
}

/* Something that cannot be read back by another meaning of "to end": cancelled orders are still listed. */
static bool takes_away(const struct sequence_view *v, size_t call)
{
    static const char *const verbs[] = {"delete", "remove", "destroy", "drop", "purge", "unregister", "deregister"};
    struct sequence_words w;
    sequence_words_of(v->graph->methods[v->calls[call].method].method->name, &w);
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        if (sequence_words_have(&w, verbs[i]))
            return true;
    return false;
}

/* The list's elements are called so, and do not only mention it. */
static bool lists(const struct sequence_view *v, const struct check_pair *p, size_t list)
{
    size_t method = (size_t)v->calls[p->call].method, from = (size_t)v->calls[list].method;
    int naming = view_naming_leaf(v->graph, (size_t)v->calls[p->maker].method, method);
    const struct sequence_slot *slot = naming >= 0 ? &v->graph->methods[method].slots[naming] : NULL;
    for (size_t i = 0; slot != NULL && i < slot->edge_count; i++) {
        const struct sequence_edge *e = &slot->edges[i];
        if (e->from == from && e->kind == EDGE_REPLY && view_leaf_has(v, list, e->from_leaf, p->name))
            return true;
    }
    return false;
}

/* The last look at a list that showed it before and shows it unchanged at every look from the deletion on; 0: it does
 * not, or too few looked. It was there once, and nothing made another one since: a node of two services, taken from one
 * of them, is rightly listed as one of the other. */
static size_t still_listed(const struct sequence_view *v, const struct check_pair *p, size_t before)
{
    struct bytes shown;
    size_t looks = 0, last = 0;
    if (check_role(v, before) != ROLE_LIST || view_holders(v, before, p->name, &shown) != 1 ||
        !takes_away(v, p->call) || !lists(v, p, before) ||
        !check_lists_for(v->graph, (size_t)v->calls[before].method, (size_t)v->calls[p->call].method,
                         (size_t)v->calls[p->maker].method))
        return 0;
    for (size_t i = p->call + 1; i < v->count; i++) {
        if (!check_reads(v, i) || !check_same(v, before, i) || !check_behind(v, p->call, i))
            continue;
        /* The whole reply is what holds a plain name in a list of names: others may come and go. */
        struct bytes now = view_first_holder(v, i, p->name);
        if (now.len == 0 || (!view_is_top(v, i, now) && !bytes_equal(now, shown)))
            return 0;
        looks++;
        last = i;
    }
    bool told = looks >= CHECK_LOOKS && check_quiet(v, 1U << p->maker | 1U << p->call, before, last, p->name);
    return told ? last : 0;
}

/* The reading after the deletion shows what the one before it did. It asks for the thing itself: others, which may well
 * hold its name, were not deleted. */
static bool still_read(const struct sequence_view *v, const struct check_pair *p, size_t before, size_t after)
{
    if (!check_reads(v, after) || !check_same(v, before, after) || !check_behind(v, p->call, after) ||
        !view_asks_for(v, p->maker, before, p->name) ||
        !check_quiet(v, 1U << p->maker | 1U << p->call, p->call, after, p->name))
        return false;
    struct bytes shown = check_shown(v, before, p->name);
    if (shown.len > 0)
        return view_reply_has(v, after, shown) && is_refuted(v, after, p->maker, shown, p->name);
    return check_role(v, before) == ROLE_READ && same_answer(v, before, after) && is_known(v, after, p->maker);
}

/* Another service may well have something of the same name, which nobody deleted: a blob beside a record. */
static bool knows_of_it(const struct sequence_view *v, const struct check_pair *p, size_t call)
{
    const struct sequence_method *m = v->graph->methods;
    const struct pb_service *service = m[v->calls[call].method].method->service;
    return service == m[v->calls[p->maker].method].method->service ||
           service == m[v->calls[p->call].method].method->service;
}

bool check_deleted_judge(const struct sequence_view *v, struct sequence_finding *out)
{
    for (struct check_pair p = {0}; check_next_pair(v, &p);) {
        if (check_role(v, p.call) != ROLE_END || !view_worked(v, p.call) || !check_own(v, p.call))
            continue;
        for (size_t before = p.maker + 1; before < p.call; before++) {
            if (!check_reads(v, before) || !knows_of_it(v, &p, before) || !check_behind(v, p.maker, before) ||
                !check_behind(v, before, p.call))
                continue;
            size_t shows = still_listed(v, &p, before);
            for (size_t after = p.call + 1; after < v->count && shows == 0; after++)
                shows = still_read(v, &p, before, after) ? after : 0;
            if (shows == 0)
                continue;
            check_say(v, out, shows, "%s still shows \"%.*s\" after %s of it was OK", check_path(v, shows),
                      (int)p.name.len, (const char *)p.name.data, check_path(v, p.call));
            return true;
        }
    }
    return false;
}

/* ---- freed-id ---- */

int check_freed_probe(struct sequence *s, struct fuzz_case *c)
{
    int maker = check_maker(s, c);
    if (maker < 0)
        return check_told(maker);
    size_t made_by = (size_t)s->view.calls[maker].method;
    int end = check_draw_method(s, made_by, ROLE_END), use = check_draw_method(s, made_by, ROLE_UPDATE);
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
    return check_told(rc);
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
                if (is_control(v, use, control, naming, &unknown) && refused_as_not_there(v, control, unknown, name)) {
                    check_say(v, out, use, "%s takes \"%.*s\" after %s of it was OK; of what never was it says %s",
                              check_path(v, use), (int)name.len, (const char *)name.data, check_path(v, p.call),
                              grpc_status_name(view_result(v, control)->status));
                    return true;
                }
        }
    }
    return false;
}
