/* Requests from sources: values are written where the leaf's path says, fields of one message together. */
#include "fuzz/sequence/sequence_internal.h"

#include "fuzz/sequence/link.h"
#include "fuzz/sequence/wire.h"

#include <math.h>

#define AGREE_SCORE_MIN 45 /* points of an edge that is more than a likeness */
#define KNOWN_NAME_IN   24 /* fresh names, of which one is made of the program's own words */
#define KNOWN_OBJECT_IN 3  /* the same of JSON objects */

/* ---- choosing ---- */

/* What is believed of a source before anything was tried: as so many successes and failures. */
static void belief(const struct sequence_method *m, const struct sequence_leaf *l, const struct sequence_slot *slot,
                   size_t source, double *good, double *bad)
{
    bool names = sequence_class_names_one(l->class) || l->class == CLASS_TOPIC || l->class == CLASS_TOKEN;
    bool makes = m->role == ROLE_CREATE;
    const struct pb_field *f = sequence_leaf_field(l);
    *good = 1;
    *bad = 3;
    if (source == SOURCE_EMPTY) {
        *good = names ? 1 : l->class == CLASS_CONTEXT ? 6 : 4;
        *bad = names && !l->repeated && l->depth <= 2 ? 2 : 1;
    } else if (source == SOURCE_FRESH) {
        *good = names && makes ? 4 : 1;
        *bad = names && makes ? 1 : 3;
        if (f->kind != PB_STRING && f->kind != PB_BYTES)
            *bad = 6;
    } else if (source >= SOURCE_EDGE) {
        double score = slot->edges[source - SOURCE_EDGE].score;
        *good = score / 25;
        *bad = makes && names ? 3 : 1;
    }
}

/* The normal distribution of the same mean and width in the place of Beta's: near enough for drawing arms. */
double arm_draw(struct sequence *s, size_t method, size_t leaf, size_t source)
{
    struct sequence_graph *g = s->graph;
    const struct sequence_slot *slot = &g->methods[method].slots[leaf];
    double good, bad, normal = 0;
    belief(&g->methods[method], &sequence_input(g, method)->leaves[leaf], slot, source, &good, &bad);
    good += slot->good[source];
    bad += slot->bad[source];
    for (int i = 0; i < 4; i++)
        normal += random_unit(&s->random) - 0.5;
    normal *= 1.7320508; /* four of them have a variance of 1/3 */
    double sum = good + bad;
    return good / sum + normal * sqrt(good * bad / (sum * sum * (sum + 1)));
}

static bool is_fresh_kind(const struct pb_field *f)
{
    return f->kind != PB_BOOL && f->kind != PB_ENUM;
}

/* May this source be taken: is it there, and can its producer be called? */
static bool is_there(const struct sequence *s, size_t method, size_t leaf, size_t source, bool room)
{
    const struct sequence_graph *g = s->graph;
    const struct sequence_slot *slot = &g->methods[method].slots[leaf];
    const struct sequence_leaf *l = &sequence_input(g, method)->leaves[leaf];
    if (source == SOURCE_EMPTY)
        return true;
    if (source == SOURCE_FRESH)
        return is_fresh_kind(sequence_leaf_field(l));
    if (source < SOURCE_EDGE)
        return source - SOURCE_WORD < sequence_word_count(l, slot);
    if (source - SOURCE_EDGE >= slot->edge_count)
        return false;
    return room || view_find(&s->view, slot->edges[source - SOURCE_EDGE].from, s->view.count) >= 0;
}

static uint8_t choose(struct sequence *s, size_t method, size_t leaf, bool room)
{
    double best = -1;
    size_t chosen = SOURCE_EMPTY;
    for (size_t source = 0; source < SOURCE_COUNT; source++) {
        if (!is_there(s, method, leaf, source, room))
            continue;
        double drawn = arm_draw(s, method, leaf, source);
        /* What a call before it made is nearer than what another one would have to make. */
        if (source >= SOURCE_EDGE &&
            view_find(&s->view, s->graph->methods[method].slots[leaf].edges[source - SOURCE_EDGE].from,
                      s->view.count) >= 0)
            drawn += 0.25;
        if (drawn > best) {
            best = drawn;
            chosen = source;
        }
    }
    return (uint8_t)chosen;
}

/* Fields that name, prove or qualify one thing should be about the same one: an id and a secret of one account. The
 * best of them says whose; the others follow when its producer can feed them too. Words and blanks stay as they are now
 * and then, for what follows is not always right. */
static void agree(struct sequence *s, size_t method, const uint8_t *wanted, uint8_t *sources)
{
    const struct sequence_shape *shape = sequence_input(s->graph, method);
    const struct sequence_slot *slots = s->graph->methods[method].slots;
    int anchor = -1, best = 0;
    for (size_t i = 0; i < shape->count; i++) {
        const struct sequence_edge *e = sources[i] >= SOURCE_EDGE && sources[i] - SOURCE_EDGE < slots[i].edge_count
                                            ? &slots[i].edges[sources[i] - SOURCE_EDGE]
                                            : NULL;
        if (e != NULL && e->score > best && sequence_class_names_one(shape->leaves[i].class)) {
            best = e->score;
            anchor = e->from;
        }
    }
    for (size_t i = 0; anchor >= 0 && i < shape->count; i++) {
        enum sequence_class class = shape->leaves[i].class;
        bool follows =
            sequence_class_names_one(class) || class == CLASS_SECRET || class == CLASS_TOKEN || class == CLASS_REVISION;
        if (!follows || (wanted != NULL && wanted[i] < SOURCE_COUNT) || random_below(&s->random, 5) == 0)
            continue;
        for (size_t k = 0; k < slots[i].edge_count; k++)
            if (slots[i].edges[k].from == anchor && slots[i].edges[k].score >= AGREE_SCORE_MIN) {
                sources[i] = (uint8_t)(SOURCE_EDGE + k);
                break;
            }
    }
}

/* ---- values ---- */

struct part {
    bool put, linked;
    struct bytes value; /* borrowed: of `drawn`, or of the view */
    struct sequence_value drawn;
    const struct sequence_leaf *source; /* linked: from this field of the reply of call `from` */
    uint32_t from;
    uint32_t link_event; /* or the same value as this EVENT_LINK's; 0: none */
};

struct request {
    struct part parts[SEQUENCE_LEAVES_MAX];
};

/* The namespaces and tables of one sequence are one: as the calls before said. */
static bool same_context(struct sequence *s, const struct sequence_leaf *l, struct part *p)
{
    for (size_t i = s->view.count; i-- > 0;) {
        if (s->view.calls[i].method < 0)
            continue;
        const struct sequence_shape *shape = sequence_input(s->graph, (size_t)s->view.calls[i].method);
        for (size_t k = 0; k < shape->count; k++)
            if (shape->leaves[k].class == CLASS_CONTEXT && shape->leaves[k].last_word == l->last_word &&
                sequence_leaf_field(&shape->leaves[k])->kind == sequence_leaf_field(l)->kind) {
                p->put = view_value(&s->view, i, &shape->leaves[k], &p->value);
                return true;
            }
    }
    return false;
}

/* The LINK that puts a value to the leaf's path in that call's message; 0: none. */
static uint32_t link_to(const struct sequence_view *v, size_t call, const struct sequence_leaf *l)
{
    uint8_t path[FUZZ_PATH_BYTES_MAX];
    size_t len = sequence_link_path(l, l->depth, path);
    for (uint32_t i = v->calls[call].message; i > 0 && v->test->events.items[i - 1].kind == EVENT_LINK; i--)
        if (bytes_equal(fuzz_case_bytes(v->test, v->test->events.items[i - 1].value), BYTES(path, len)))
            return i - 1;
    return 0;
}

/* The same value as in that call's request: there itself, or by a link. False: it had none. */
static bool take_request(struct sequence *s, size_t call, const struct sequence_leaf *source, struct part *p)
{
    p->link_event = link_to(&s->view, call, source);
    p->linked = p->link_event > 0;
    p->put = p->linked || view_value(&s->view, call, source, &p->value);
    return p->put;
}

/* What the edge's producer gave or got, in the case as it stands. False: nothing, after all. */
static bool take_edge(struct sequence *s, const struct sequence_edge *e, struct part *p)
{
    int call = view_find(&s->view, e->from, s->view.count);
    if (call < 0)
        return false;
    if (e->kind == EDGE_REPLY) {
        *p = (struct part){
            .put = true, .linked = true, .source = sequence_edge_source(s->graph, e), .from = (uint32_t)call};
        return true;
    }
    return take_request(s, (size_t)call, sequence_edge_source(s->graph, e), p);
}

static bool names_text(const struct sequence_leaf *l)
{
    return (sequence_class_names_one(l->class) || l->class == CLASS_TOPIC) && sequence_leaf_field(l)->kind == PB_STRING;
}

static void take_value(struct sequence *s, size_t method, size_t leaf, uint8_t *source, struct part *p)
{
    struct sequence_graph *g = s->graph;
    const struct sequence_leaf *l = &sequence_input(g, method)->leaves[leaf];
    const struct sequence_slot *slot = &g->methods[method].slots[leaf];
    *p = (struct part){.put = false};
    if (l->class == CLASS_CONTEXT && *source < SOURCE_EDGE && same_context(s, l, p))
        return;
    if (*source >= SOURCE_EDGE && *source < SOURCE_COUNT) {
        if (*source - SOURCE_EDGE < slot->edge_count && take_edge(s, &slot->edges[*source - SOURCE_EDGE], p))
            return;
        *source = sequence_class_names_one(l->class) ? SOURCE_FRESH : SOURCE_EMPTY;
    }
    if (*source == SOURCE_FRESH) {
        sequence_fresh(l, &s->random, &p->drawn);
        if (names_text(l) && sequence_known_any(&s->known) && random_below(&s->random, KNOWN_NAME_IN) == 0)
            sequence_known_name(&s->known, &s->random, &p->drawn);
    } else if (*source >= SOURCE_WORD && (size_t)*source - SOURCE_WORD < sequence_word_count(l, slot)) {
        sequence_word(g, l, slot, (size_t)*source - SOURCE_WORD, &s->random, &p->drawn);
        if (l->class == CLASS_CONTEXT && *source == SOURCE_WORD && slot->learnt_count == 0 &&
            sequence_leaf_field(l)->kind == PB_STRING) {
            p->drawn.len = strlen(s->context);
            memcpy(p->drawn.data, s->context, p->drawn.len);
        }
        if (p->drawn.len > 1 && p->drawn.data[0] == '{' && sequence_known_any(&s->known) &&
            random_below(&s->random, KNOWN_OBJECT_IN) == 0)
            sequence_known_object(&s->known, &s->random, &p->drawn);
    } else {
        *source = SOURCE_EMPTY;
        return;
    }
    p->put = true;
    p->value = BYTES(p->drawn.data, p->drawn.len);
}

/* Writes the leaves that stand in the message the first `level` fields of `around` lead to. As deep as the leaves. */
static void put_level(struct text *out, const struct sequence_shape *shape, const struct request *r, bool *done,
                      const struct sequence_leaf *around, size_t level)
{
    for (size_t i = 0; i < shape->count; i++) {
        const struct sequence_leaf *l = &shape->leaves[i];
        bool inside = !done[i] && r->parts[i].put && !r->parts[i].linked && l->depth > level;
        for (size_t k = 0; inside && k < level; k++)
            inside = l->fields[k] == around->fields[k];
        if (!inside)
            continue;
        const struct pb_field *f = l->fields[level];
        if (l->depth > level + 1) {
            fuzz_put_tag(out, f->number, WIRE_BYTES);
            size_t mark = fuzz_open(out);
            put_level(out, shape, r, done, l, level + 1);
            fuzz_close(out, mark);
            continue;
        }
        done[i] = true;
        fuzz_put_tag(out, f->number, fuzz_wire_type(f));
        if (fuzz_wire_type(f) == WIRE_BYTES)
            fuzz_put_varint(out, r->parts[i].value.len);
        fuzz_put(out, r->parts[i].value.data, r->parts[i].value.len);
    }
}

/* ---- events ---- */

static int add_link(struct fuzz_case *c, const struct sequence_leaf *to, const struct part *p)
{
    uint8_t from[FUZZ_PATH_BYTES_MAX], target[FUZZ_PATH_BYTES_MAX];
    size_t len = sequence_link_path(to, to->depth, target);
    if (p->link_event > 0) {
        struct fuzz_event same = c->events.items[p->link_event];
        return fuzz_case_add(c, &(struct fuzz_event){.kind = EVENT_LINK, .call = same.call, .number = same.number},
                             fuzz_case_bytes(c, same.name), BYTES(target, len));
    }
    return fuzz_case_add(c, &(struct fuzz_event){.kind = EVENT_LINK, .call = p->from},
                         BYTES(from, sequence_link_path(p->source, p->source->depth, from)), BYTES(target, len));
}

/* The oneof's other members are left out: the last one written would win anyway. */
static void settle_oneofs(const struct sequence_shape *shape, uint8_t *sources, struct request *r)
{
    for (size_t i = 0; i < shape->count; i++)
        for (size_t k = i + 1; r->parts[i].put && k < shape->count; k++) {
            const struct sequence_leaf *a = &shape->leaves[i], *b = &shape->leaves[k];
            size_t n = 0;
            while (n < a->depth && n < b->depth && a->fields[n] == b->fields[n])
                n++;
            if (r->parts[k].put && n < a->depth && n < b->depth && a->fields[n]->oneof >= 0 &&
                a->fields[n]->oneof == b->fields[n]->oneof) {
                r->parts[k].put = false;
                sources[k] = SOURCE_EMPTY;
            }
        }
}

static int add_events(struct sequence *s, struct fuzz_case *c, size_t method, const struct request *r, uint16_t flags)
{
    const struct pb_method *m = s->graph->methods[method].method;
    const struct sequence_shape *shape = sequence_input(s->graph, method);
    uint32_t call = (uint32_t)fuzz_case_calls(c);
    bool done[SEQUENCE_LEAVES_MAX] = {false}, watches = s->graph->methods[method].role == ROLE_WATCH;
    text_clear(&s->message);
    put_level(&s->message, shape, r, done, NULL, 0);
    if (!text_ok(&s->message))
        return ERROR_MEMORY;
    int rc = fuzz_case_add(c, &(struct fuzz_event){.kind = EVENT_CALL, .flags = flags}, bytes_of(m->path), BYTES_NONE);
    for (size_t i = 0; rc >= 0 && i < shape->count; i++)
        if (r->parts[i].put && r->parts[i].linked)
            rc = add_link(c, &shape->leaves[i], &r->parts[i]);
    if (rc >= 0)
        rc = fuzz_case_add(c, &(struct fuzz_event){.kind = EVENT_MESSAGE, .call = call}, BYTES_NONE,
                           text_bytes(&s->message));
    if (rc >= 0)
        rc = fuzz_case_add(c, &(struct fuzz_event){.kind = EVENT_HALF_CLOSE, .call = call}, BYTES_NONE, BYTES_NONE);
    /* A stream that only goes on is listened to for a moment, then others are called while it is open. */
    if (rc >= 0 && watches && m->server_streaming)
        rc =
            fuzz_case_add(c, &(struct fuzz_event){.kind = EVENT_TIME, .number = SEQUENCE_WAIT}, BYTES_NONE, BYTES_NONE);
    else if (rc >= 0)
        rc = fuzz_case_add(c, &(struct fuzz_event){.kind = EVENT_AWAIT, .call = call}, BYTES_NONE, BYTES_NONE);
    return rc < 0 ? rc : (int)call;
}

static int append(struct sequence *s, struct fuzz_case *c, size_t method, uint8_t *sources, uint16_t flags)
{
    const struct sequence_shape *shape = sequence_input(s->graph, method);
    struct request r;
    if (sequence_view_of(&s->view, s->graph, c, NULL) != 0)
        return ERROR_MEMORY;
    for (size_t i = 0; i < shape->count; i++) {
        if (sources[i] >= SOURCE_COUNT)
            sources[i] = choose(s, method, i, false);
        take_value(s, method, i, &sources[i], &r.parts[i]);
    }
    settle_oneofs(shape, sources, &r);
    return add_events(s, c, method, &r, flags);
}

int sequence_append(struct sequence *s, struct fuzz_case *c, size_t method, uint8_t *sources, uint16_t flags)
{
    uint8_t drawn[SEQUENCE_LEAVES_MAX];
    memset(drawn, SOURCE_COUNT, sizeof drawn);
    return append(s, c, method, sources != NULL ? sources : drawn, flags);
}

/* ---- calls about what another made ---- */

int build_about(struct sequence *s, struct fuzz_case *c, size_t maker, size_t method, enum build_name name,
                uint16_t flags)
{
    const struct sequence_shape *shape = sequence_input(s->graph, method);
    struct request r;
    if (sequence_view_of(&s->view, s->graph, c, NULL) != 0)
        return ERROR_MEMORY;
    size_t made_by = (size_t)s->view.calls[maker].method;
    int naming = view_naming_leaf(s->graph, made_by, method);
    if (naming < 0)
        return ERROR_NOT_FOUND;
    for (size_t i = 0; i < shape->count; i++) {
        struct view_match m = view_match_leaf(s->graph, made_by, method, i);
        struct part *p = &r.parts[i];
        *p = (struct part){.put = false};
        if (i == (size_t)naming && name == NAME_FRESH) {
            sequence_fresh(&shape->leaves[i], &s->random, &p->drawn);
            *p = (struct part){.put = true, .drawn = p->drawn};
            p->value = BYTES(p->drawn.data, p->drawn.len);
        } else if (name == NAME_ALONE && i != (size_t)naming && shape->leaves[i].class != CLASS_CONTEXT) {
            continue;
        } else if (m.leaf >= 0 && m.of_reply) {
            *p = (struct part){.put = true,
                               .linked = true,
                               .source = &sequence_output(s->graph, made_by)->leaves[m.leaf],
                               .from = (uint32_t)maker};
        } else if (m.leaf >= 0) {
            (void)take_request(s, maker, &sequence_input(s->graph, made_by)->leaves[m.leaf], p);
        }
    }
    if (!r.parts[naming].put)
        return ERROR_NOT_FOUND;
    return add_events(s, c, method, &r, flags);
}

int build_again(struct sequence *s, struct fuzz_case *c, size_t call, uint16_t flags)
{
    uint32_t number = (uint32_t)fuzz_case_calls(c);
    if (sequence_view_of(&s->view, s->graph, c, NULL) != 0)
        return ERROR_MEMORY;
    const struct view_call *of = &s->view.calls[call];
    size_t first = of->message;
    int rc = of->message == 0 ? ERROR_NOT_FOUND : 0;
    while (rc >= 0 && first > 0 && c->events.items[first - 1].kind == EVENT_LINK)
        first--;
    for (size_t i = of->event; rc >= 0 && i <= of->message; i++) {
        struct fuzz_event e = c->events.items[i];
        bool own = e.kind == EVENT_CALL ? i == of->event : e.kind == EVENT_LINK ? i >= first : i == of->message;
        if (!own)
            continue;
        if (e.kind == EVENT_CALL)
            e.flags = (uint16_t)(e.flags | flags);
        if (e.kind == EVENT_MESSAGE)
            e.call = number;
        rc = fuzz_case_add(c, &e, fuzz_case_bytes(c, e.name), fuzz_case_bytes(c, e.value));
    }
    if (rc >= 0)
        rc = fuzz_case_add(c, &(struct fuzz_event){.kind = EVENT_HALF_CLOSE, .call = number}, BYTES_NONE, BYTES_NONE);
    if (rc >= 0)
        rc = fuzz_case_add(c, &(struct fuzz_event){.kind = EVENT_AWAIT, .call = number}, BYTES_NONE, BYTES_NONE);
    return rc < 0 ? rc : (int)number;
}

/* ---- calls with their producers ---- */

/* As deep as there may be calls. */
static int build(struct sequence *s, struct fuzz_case *c, struct sequence_plan *plan, size_t method,
                 const uint8_t *wanted, size_t calls_max, size_t depth)
{
    const struct sequence_shape *shape = sequence_input(s->graph, method);
    uint8_t sources[SEQUENCE_LEAVES_MAX];
    if (sequence_view_of(&s->view, s->graph, c, NULL) != 0)
        return ERROR_MEMORY;
    size_t before = s->view.count;
    for (size_t i = 0; i < shape->count; i++)
        sources[i] = wanted != NULL && wanted[i] < SOURCE_COUNT ? wanted[i]
                                                                : choose(s, method, i, before + depth + 1 < calls_max);
    agree(s, method, wanted, sources);
    for (size_t i = 0; i < shape->count; i++) {
        const struct sequence_slot *slot = &s->graph->methods[method].slots[i];
        if (sources[i] < SOURCE_EDGE || sources[i] - SOURCE_EDGE >= slot->edge_count)
            continue;
        uint16_t from = slot->edges[sources[i] - SOURCE_EDGE].from;
        if (view_find(&s->view, from, s->view.count) >= 0 || from == method)
            continue;
        /* One place is for this call, one for each that waits for it. */
        if (s->view.count + depth + 1 >= calls_max)
            continue;
        int rc = build(s, c, plan, from, NULL, calls_max, depth + 1);
        if (rc < 0)
            return rc;
        if (sequence_view_of(&s->view, s->graph, c, NULL) != 0)
            return ERROR_MEMORY;
    }
    int call = append(s, c, method, sources, 0);
    if (call >= 0 && plan != NULL && plan->calls < SEQUENCE_PLAN_MAX) {
        plan->call[plan->calls].method = (uint16_t)method;
        memcpy(plan->call[plan->calls].source, sources, shape->count);
        plan->calls++;
    }
    return call;
}

int build_call(struct sequence *s, struct fuzz_case *c, struct sequence_plan *plan, size_t method,
               const uint8_t *sources, size_t calls_max)
{
    return build(s, c, plan, method, sources, calls_max, 0);
}

int build_plan(struct sequence *s, struct fuzz_case *c, const struct sequence_plan *from, struct sequence_plan *plan)
{
    for (size_t i = 0; i < from->calls; i++) {
        uint8_t sources[SEQUENCE_LEAVES_MAX];
        size_t method = from->call[i].method, count = sequence_input(s->graph, method)->count;
        memcpy(sources, from->call[i].source, count);
        int rc = append(s, c, method, sources, 0);
        if (rc < 0)
            return rc;
        if (plan->calls < SEQUENCE_PLAN_MAX) {
            plan->call[plan->calls].method = (uint16_t)method;
            memcpy(plan->call[plan->calls].source, sources, count);
            plan->calls++;
        }
    }
    return 0;
}
