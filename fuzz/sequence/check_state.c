/* retry, unknown-lost and list-omits. */
#include "fuzz/sequence/check_internal.h"

#include "fuzz/case/links.h"
#include "fuzz/sequence/link.h"
#include "fuzz/sequence/wire.h"
#include "wire/grpc.h"

#include <string.h>

#define UNKNOWN_NUMBER 20011 /* of a field no contract has */
#define UNKNOWN_VALUE  "kept although not known"
#define MARK_DEPTH_MAX 16                /* messages within each other */
#define LIST_BYTES_MAX ((size_t)1 << 20) /* of a longer one the trace may not hold all */

/* ---- retry ---- */

int check_retry_probe(struct sequence *s, struct fuzz_case *c)
{
    int maker = check_maker(s, c);
    if (maker < 0)
        return check_told(maker);
    size_t made_by = (size_t)s->view.calls[maker].method;
    int read = check_method(s, made_by, ROLE_LIST, 0);
    if (read < 0)
        read = check_method(s, made_by, ROLE_READ, 0);
    if (read < 0 || view_naming_leaf(s->graph, made_by, made_by) < 0)
        return 0;
    int rc = build_about(s, c, (size_t)maker, (size_t)read, NAME_MADE, 0), first = rc;
    if (rc >= 0)
        rc = build_again(s, c, (size_t)maker, 0);
    if (rc >= 0)
        rc = build_again(s, c, (size_t)first, 0);
    return check_told(rc);
}

/* The id stands in the request: who sends it twice means one thing. */
static bool names_by_id(const struct sequence_view *v, size_t maker, struct bytes name)
{
    size_t m = (size_t)v->calls[maker].method;
    int naming = view_naming_leaf(v->graph, m, m);
    struct bytes own;
    if (naming < 0)
        return false;
    const struct sequence_leaf *l = &sequence_input(v->graph, m)->leaves[naming];
    return (l->class == CLASS_ID || l->class == CLASS_KEY || l->class == CLASS_EMAIL) &&
           view_value(v, maker, l, &own) && bytes_equal(own, name);
}

bool check_retry_judge(const struct sequence_view *v, struct sequence_finding *out)
{
    for (struct check_pair p = {0}; check_next_pair(v, &p);) {
        if (!check_reads(v, p.call) || !names_by_id(v, p.maker, p.name))
            continue;
        for (size_t again = p.call + 1; again < v->count; again++) {
            if (!check_same(v, p.maker, again) || !view_worked(v, again) || !check_own(v, again) ||
                !check_behind(v, p.call, again))
                continue;
            for (size_t after = again + 1; after < v->count; after++) {
                if (!check_reads(v, after) || !check_same(v, p.call, after) || !check_behind(v, again, after) ||
                    !check_alone(v, p.maker, again, after, p.name))
                    continue;
                size_t one = view_reply_count(v, p.call, p.name), two = view_reply_count(v, after, p.name);
                if (one == 0 || two <= one)
                    continue;
                check_say(v, out, again, "%s twice with the id \"%.*s\" made %zu of them: %s shows %zu, then %zu",
                          check_path(v, again), (int)p.name.len, (const char *)p.name.data, two, check_path(v, after),
                          one, two);
                return true;
            }
        }
    }
    return false;
}

/* ---- unknown-lost ---- */

/* Where a message of the type is in `shape`'s: the leaf it holds and how many fields lead to it. */
static const struct sequence_leaf *place_of(const struct sequence_shape *shape, const struct pb_type *type,
                                            size_t *depth)
{
    for (size_t i = 0; i < shape->count; i++)
        for (size_t k = 0; k + 1 < shape->leaves[i].depth; k++)
            if (shape->leaves[i].fields[k]->message == type) {
                *depth = k + 1;
                return &shape->leaves[i];
            }
    return NULL;
}

/* An update about what was made that takes the whole of it; a creation that may be an update too. */
static int find_update(const struct sequence *s, size_t made_by, const struct pb_type *type)
{
    size_t depth;
    for (size_t n = 0; n < 4; n++) {
        int m = check_method(s, made_by, ROLE_UPDATE, n);
        if (m >= 0 && place_of(sequence_input(s->graph, (size_t)m), type, &depth) != NULL)
            return m;
    }
    return s->graph->methods[made_by].upsert ? (int)made_by : -1;
}

/* Puts the unknown field into what the maker makes. */
static int mark_made(struct sequence *s, struct fuzz_case *c, size_t maker, const struct sequence_leaf *l, size_t depth)
{
    struct text changed = TEXT_INIT;
    struct fuzz_path path;
    const struct fuzz_value value = fuzz_value_text(bytes_of(UNKNOWN_VALUE));
    size_t event = s->view.calls[maker].message;
    sequence_leaf_path(l, depth, &path);
    int rc = fuzz_path_push(&path, UNKNOWN_NUMBER, FUZZ_PATH_NO_INDEX)
                 ? fuzz_path_put(&path, NULL, fuzz_case_bytes(c, c->events.items[event].value), &value, &changed)
                 : ERROR_LIMIT;
    if (rc == 0)
        rc = fuzz_case_set_value(c, event, text_bytes(&changed));
    text_deinit(&changed);
    return rc;
}

/* The update's message is what the reading gave. */
static int feed_whole(struct sequence *s, struct fuzz_case *c, size_t update, size_t reading,
                      const struct pb_type *type)
{
    struct fuzz_path from, to;
    size_t from_depth = 0, to_depth = 0;
    if (sequence_view_of(&s->view, s->graph, c, NULL) != 0)
        return ERROR_MEMORY;
    const struct sequence_leaf *source =
        place_of(sequence_output(s->graph, (size_t)s->view.calls[reading].method), type, &from_depth);
    const struct sequence_leaf *target =
        place_of(sequence_input(s->graph, (size_t)s->view.calls[update].method), type, &to_depth);
    if (source == NULL || target == NULL)
        return ERROR_NOT_FOUND;
    sequence_leaf_path(source, from_depth, &from);
    sequence_leaf_path(target, to_depth, &to);
    return fuzz_links_add(c, s->view.calls[update].message, (uint32_t)reading, 0, &from, &to);
}

int check_unknown_probe(struct sequence *s, struct fuzz_case *c)
{
    int maker = check_maker(s, c);
    if (maker < 0)
        return check_told(maker);
    size_t made_by = (size_t)s->view.calls[maker].method, depth = 0;
    int naming = view_naming_leaf(s->graph, made_by, made_by);
    const struct sequence_leaf *l = naming >= 0 ? &sequence_input(s->graph, made_by)->leaves[naming] : NULL;
    if (l == NULL || l->depth < 2)
        return 0;
    const struct pb_type *type = l->fields[l->depth - 2]->message;
    int read = check_method(s, made_by, ROLE_READ, 0), update = find_update(s, made_by, type);
    if (read < 0 || update < 0 || place_of(sequence_output(s->graph, (size_t)read), type, &depth) == NULL)
        return 0;
    int rc = mark_made(s, c, (size_t)maker, l, l->depth - 1);
    int reading = rc < 0 ? rc : build_about(s, c, (size_t)maker, (size_t)read, NAME_MADE, 0);
    int updating = reading < 0 ? reading : build_about(s, c, (size_t)maker, (size_t)update, NAME_MADE, 0);
    rc = updating < 0 ? updating : feed_whole(s, c, (size_t)updating, (size_t)reading, type);
    if (rc >= 0)
        rc = build_again(s, c, (size_t)reading, 0);
    return check_told(rc);
}

static bool has_mark(struct bytes b)
{
    return b.len > 0 && memmem(b.data, b.len, UNKNOWN_VALUE, strlen(UNKNOWN_VALUE)) != NULL;
}

/* Nothing stands beside what has the mark, in the same field, and lacks it: that may be the same thing said again, and
 * what is said last counts. */
static bool is_marked_throughout(struct bytes message)
{
    for (size_t depth = 0; depth < MARK_DEPTH_MAX; depth++) {
        struct wire_item item;
        struct bytes marked = BYTES_NONE;
        uint32_t number = 0;
        for (struct bytes in = message; wire_next(&in, &item);)
            if (item.type == WIRE_BYTES && has_mark(item.value)) {
                number = item.number;
                marked = item.value;
            }
        for (struct bytes in = message; wire_next(&in, &item);)
            if (item.number == number && (item.type != WIRE_BYTES || !has_mark(item.value)))
                return false;
        if (number == 0 || bytes_is(marked, UNKNOWN_VALUE))
            return number != 0;
        message = marked;
    }
    return false;
}

bool check_unknown_judge(const struct sequence_view *v, struct sequence_finding *out)
{
    for (struct check_pair p = {0}; check_next_pair(v, &p);) {
        if (!check_reads(v, p.call) || !has_mark(view_request(v, p.maker)) || !has_mark(check_shown(v, p.call, p.name)))
            continue;
        for (size_t update = p.call + 1; update < v->count; update++) {
            struct bytes sent = view_request(v, update);
            enum sequence_role role = check_role(v, update);
            if ((role != ROLE_UPDATE && role != ROLE_CREATE) || !view_worked(v, update) || !check_own(v, update) ||
                !check_behind(v, p.call, update) || !is_marked_throughout(sent) ||
                memmem(sent.data, sent.len, p.name.data, p.name.len) == NULL)
                continue;
            for (size_t after = update + 1; after < v->count; after++) {
                if (!check_reads(v, after) || !check_same(v, p.call, after) || !check_behind(v, update, after) ||
                    !check_alone(v, p.maker, update, after, p.name))
                    continue;
                struct bytes shown = view_first_holder(v, after, p.name);
                if (shown.len == 0 || has_mark(shown))
                    continue;
                check_say(v, out, update, "%s lost field %d of \"%.*s\", which was kept when it was made",
                          check_path(v, update), UNKNOWN_NUMBER, (int)p.name.len, (const char *)p.name.data);
                return true;
            }
        }
    }
    return false;
}

/* ---- list-omits ---- */

/* Another one, with all the names there are and nothing else: by which a long list shows that it is whole. */
static int make_named(struct sequence *s, struct fuzz_case *c, size_t method)
{
    const struct sequence_shape *shape = sequence_input(s->graph, method);
    uint8_t sources[SEQUENCE_LEAVES_MAX];
    for (size_t i = 0; i < shape->count; i++)
        sources[i] = sequence_class_names_one(shape->leaves[i].class) ? SOURCE_FRESH : SOURCE_EMPTY;
    return sequence_append(s, c, method, sources, 0);
}

int check_list_probe(struct sequence *s, struct fuzz_case *c)
{
    int maker = check_maker(s, c), list = -1;
    if (maker < 0)
        return check_told(maker);
    size_t made_by = (size_t)s->view.calls[maker].method;
    int read = check_method(s, made_by, ROLE_READ, 0);
    if (read >= 0)
        list = check_list_of(s, (size_t)read, made_by);
    if (list < 0)
        return 0;
    uint8_t blank[SEQUENCE_LEAVES_MAX] = {SOURCE_EMPTY};
    int rc = build_about(s, c, (size_t)maker, (size_t)read, NAME_MADE, 0), first = rc;
    if (rc >= 0)
        rc = sequence_append(s, c, (size_t)list, blank, 0);
    if (rc >= 0)
        rc = check_pause(c);
    if (rc >= 0)
        rc = make_named(s, c, made_by);
    if (rc >= 0)
        rc = build_about(s, c, (size_t)rc, (size_t)read, NAME_MADE, 0);
    memset(blank, SOURCE_EMPTY, sizeof blank);
    if (rc >= 0)
        rc = sequence_append(s, c, (size_t)list, blank, 0);
    if (rc >= 0)
        rc = build_again(s, c, (size_t)first, 0);
    return check_told(rc);
}

static size_t list_size(const struct sequence_view *v, size_t list)
{
    size_t bytes = 0;
    for (size_t i = 0; i < v->trace->replies.count; i++)
        bytes += v->trace->replies.items[i].call == list ? v->trace->replies.items[i].body.len : 0;
    return bytes;
}

/* It asks for all there is where the thing was made: nothing but that place is said. */
static bool asks_for_all(const struct sequence_view *v, size_t maker, size_t list)
{
    size_t m = (size_t)v->calls[list].method, made_by = (size_t)v->calls[maker].method;
    const struct sequence_shape *s = sequence_input(v->graph, m), *theirs = sequence_input(v->graph, made_by);
    for (size_t k = 0; k < theirs->count; k++) { /* and all that was said of the place is said again */
        struct bytes there, here = BYTES_NONE;
        if (theirs->leaves[k].class != CLASS_CONTEXT || !view_value(v, maker, &theirs->leaves[k], &there))
            continue;
        bool same = false;
        for (size_t i = 0; i < s->count && !same; i++)
            same = s->leaves[i].last_word == theirs->leaves[k].last_word && view_value(v, list, &s->leaves[i], &here) &&
                   bytes_equal(here, there);
        if (!same)
            return false;
    }
    for (size_t i = 0; i < s->count; i++) {
        struct bytes value, said;
        if (!view_value(v, list, &s->leaves[i], &value))
            continue;
        bool same = false;
        for (size_t k = 0; s->leaves[i].class == CLASS_CONTEXT && k < theirs->count && !same; k++)
            same = theirs->leaves[k].last_word == s->leaves[i].last_word &&
                   view_value(v, maker, &theirs->leaves[k], &said) && bytes_equal(said, value);
        if (!same)
            return false;
    }
    return v->calls[list].resolved;
}

bool check_is_whole(const struct sequence_view *v, size_t list, size_t bytes_max)
{
    const struct trace_call *r = view_result(v, list);
    const struct sequence_shape *s = sequence_output(v->graph, (size_t)v->calls[list].method);
    if (r == NULL || r->status != GRPC_OK || r->ended_by_us || r->timed_out)
        return false;
    for (size_t i = 0; i < v->trace->replies.count; i++) {
        const struct trace_reply *reply = &v->trace->replies.items[i];
        struct bytes next;
        for (size_t l = 0; reply->call == list && l < s->count; l++)
            if (s->leaves[l].class == CLASS_CURSOR &&
                sequence_leaf_get(&s->leaves[l], fuzz_trace_bytes(v->trace, reply->body), &next))
                return false;
    }
    return list_size(v, list) < bytes_max;
}

/* A long list may be cut by a limit of its own. One that is cut does not grow by what is made, so `last` is not: it is
 * longer than `first` by what was made in between, which it shows. */
static bool has_grown(const struct sequence_view *v, size_t maker, size_t first, size_t last)
{
    for (struct check_pair p = {0}; check_next_pair(v, &p);)
        if (v->calls[p.maker].method == v->calls[maker].method && check_behind(v, first, p.maker) &&
            check_behind(v, p.maker, last) && view_reply_names(v, last, p.name) &&
            list_size(v, last) >= list_size(v, first) + p.name.len)
            return true;
    return false;
}

bool check_list_judge(const struct sequence_view *v, struct sequence_finding *out)
{
    for (struct check_pair p = {0}; check_next_pair(v, &p);) {
        if (!check_reads(v, p.call) || !view_reply_names(v, p.call, p.name))
            continue;
        for (size_t after = p.call + 1; after < v->count; after++) {
            size_t looks = 0, shows = 0, first = 0, last = 0;
            if (!check_same(v, p.call, after) || !view_worked(v, after) || !view_reply_names(v, after, p.name) ||
                !check_alone(v, p.maker, p.maker, after, p.name))
                continue;
            for (size_t list = p.call + 1; list < after; list++) {
                if (v->calls[list].method < 0 || !check_own(v, list) ||
                    !check_lists_for(v->graph, (size_t)v->calls[list].method, (size_t)v->calls[p.call].method,
                                     (size_t)v->calls[p.maker].method) ||
                    !asks_for_all(v, p.maker, list) || !check_behind(v, p.call, list) || !check_behind(v, list, after))
                    continue;
                first = looks++ == 0 ? list : first;
                shows += !check_is_whole(v, list, LIST_BYTES_MAX) || view_reply_names(v, list, p.name);
                last = list;
            }
            if (looks < 2 || shows > 0 ||
                (!check_is_whole(v, last, CHECK_LIST_CUT) && !has_grown(v, p.maker, first, last)))
                continue;
            check_say(v, out, last, "%s does not show \"%.*s\", which %s made and %s reads", check_path(v, last),
                      (int)p.name.len, (const char *)p.name.data, check_path(v, p.maker), check_path(v, p.call));
            return true;
        }
    }
    return false;
}
