#include "fuzz/sequence/graph_internal.h"

#include <stdlib.h>
#include <string.h>

enum reason {
    /* Likeness: the first that holds. */
    SAME_FIELD,
    SAME_NAME,
    OWNER_NAME,
    NAME_OWNER,
    PLURAL,
    SUFFIX,
    TYPE_NAME,
    SAME_CLASS,
    LIKENESS_COUNT,
    /* What the producer does. */
    FROM_CREATE = LIKENESS_COUNT,
    FROM_CREDENTIAL,
    FROM_LIST,
    FROM_READ,
    FROM_UPDATE,
    FROM_END,
    FROM_WATCH,
    FROM_REQUEST,
    /* Where the two stand. */
    SAME_SERVICE,
    SAME_RESOURCE,
    SAME_PACKAGE,
    ELSEWHERE,
    MAKES_ITSELF,
    REASON_COUNT
};

const struct graph_reason graph_reasons[] = {
    [SAME_FIELD] = {60, "the same field of the same message"},
    [SAME_NAME] = {45, "the same name"},
    [OWNER_NAME] = {50, "its message's name in front of its own"},
    [NAME_OWNER] = {46, "the consumer's message in front of its field"},
    [PLURAL] = {42, "one of many of that name"},
    [SUFFIX] = {28, "one name ends in the other"},
    [TYPE_NAME] = {42, "the field is called as the producer's message"},
    [SAME_CLASS] = {8, "the same sort of value"},
    [FROM_CREATE] = {16, "the producer makes things"},
    [FROM_CREDENTIAL] = {16, "the producer gives credentials"},
    [FROM_LIST] = {10, "the producer lists"},
    [FROM_READ] = {6, "the producer reads"},
    [FROM_UPDATE] = {3, "the producer changes things"},
    [FROM_END] = {-40, "the producer takes things away"},
    [FROM_WATCH] = {-12, "the producer's stream has no end"},
    [FROM_REQUEST] = {-4, "given to the producer, not by it"},
    [SAME_SERVICE] = {14, "the same service"},
    [SAME_RESOURCE] = {12, "the same resource"},
    [SAME_PACKAGE] = {5, "the same package"},
    [ELSEWHERE] = {-18, "another package, another resource"},
    [MAKES_ITSELF] = {-30, "the consumer makes what this names"},
};
const size_t graph_reason_count = sizeof graph_reasons / sizeof graph_reasons[0];

static enum kind_group group_of(const struct pb_field *f)
{
    switch (f->kind) {
    case PB_STRING:
        return GROUP_TEXT;
    case PB_BYTES:
        return GROUP_BYTES;
    case PB_INT32:
    case PB_INT64:
    case PB_UINT32:
    case PB_UINT64:
        return GROUP_WHOLE;
    case PB_SINT32:
    case PB_SINT64:
    case PB_FIXED32:
    case PB_FIXED64:
    case PB_SFIXED32:
    case PB_SFIXED64:
    case PB_DOUBLE:
    case PB_FLOAT:
    case PB_BOOL:
    case PB_ENUM:
    case PB_MESSAGE:
        return GROUP_NONE;
    }
    return GROUP_NONE;
}

/* The words of a message's name without those that say it is a request, a reply or a bundle of options. */
static void owner_words(const struct pb_type *owner, struct sequence_words *out)
{
    static const char *const frame[] = {"request", "response", "reply", "option", "result"};
    struct sequence_words all;
    sequence_words_of(owner->name, &all);
    out->count = 0;
    for (size_t i = 0; i < all.count; i++) {
        bool keep = true;
        for (size_t k = 0; k < sizeof frame / sizeof frame[0]; k++)
            keep = keep && strcmp(all.word[i], frame[k]) != 0;
        if (keep)
            memcpy(out->word[out->count++], all.word[i], SEQUENCE_WORD_MAX);
    }
}

int graph_ends_of(const struct sequence_graph *g, bool requests, struct graph_end **out, size_t *count)
{
    size_t n = 0;
    *count = 0;
    for (size_t m = 0; m < g->method_count; m++)
        n += requests ? sequence_input(g, m)->count : sequence_output(g, m)->count;
    *out = calloc(n + 1, sizeof **out);
    if (*out == NULL)
        return ERROR_MEMORY;
    for (size_t m = 0; m < g->method_count; m++) {
        const struct sequence_shape *shape = requests ? sequence_input(g, m) : sequence_output(g, m);
        for (size_t i = 0; i < shape->count; i++) {
            const struct sequence_leaf *l = &shape->leaves[i];
            const struct pb_field *f = sequence_leaf_field(l);
            struct graph_end *e = &(*out)[*count];
            struct sequence_words name, owner, both;
            sequence_words_of(f->name, &name);
            owner_words(f->owner, &owner);
            sequence_words_join(&owner, &name, &both);
            *e = (struct graph_end){.method = (uint16_t)m,
                                    .leaf = (uint16_t)i,
                                    .group = (uint8_t)group_of(f),
                                    .class = (uint8_t)l->class,
                                    .many = l->repeated,
                                    .last = l->last_word,
                                    .name = sequence_hash_words(&name, 0),
                                    .owner = owner.count > 0 ? sequence_hash_words(&owner, 0) : 0,
                                    .owner_name = sequence_hash_words(&both, 0),
                                    .field = f};
            *count += e->group != GROUP_NONE;
        }
    }
    return 0;
}

static bool names_something(uint8_t class)
{
    return class != CLASS_PLAIN && class != CLASS_TIME && class != CLASS_CONTEXT;
}

/* LIKENESS_COUNT: nothing is alike. */
static enum reason likeness(const struct graph_end *from, const struct graph_end *to)
{
    if (from->field == to->field)
        return SAME_FIELD;
    if (from->name == to->name)
        return from->field->repeated != to->field->repeated ? PLURAL : SAME_NAME;
    if (from->owner != 0 && from->owner_name == to->name)
        return OWNER_NAME;
    if (to->owner != 0 && to->owner_name == from->name)
        return NAME_OWNER;
    if (from->owner != 0 && from->owner == to->name && sequence_class_names_one((enum sequence_class)from->class))
        return TYPE_NAME;
    if (from->last == to->last)
        return SUFFIX;
    if (from->class == to->class && names_something(to->class))
        return SAME_CLASS;
    return LIKENESS_COUNT;
}

int graph_weight(const struct sequence_leaf *to, uint32_t reasons)
{
    static const int weights[CLASS_COUNT] = {
        [CLASS_PLAIN] = 40,    [CLASS_ID] = 100,    [CLASS_KEY] = 100,    [CLASS_NAME] = 90,
        [CLASS_TOKEN] = 100,   [CLASS_SECRET] = 90, [CLASS_EMAIL] = 95,   [CLASS_TOPIC] = 95,
        [CLASS_REVISION] = 85, [CLASS_CURSOR] = 80, [CLASS_CONTEXT] = 35, [CLASS_TIME] = 15,
    };
    if (reasons >> TYPE_NAME & 1)
        return 90;
    return weights[to->class];
}

static bool same_package(const struct pb_method *a, const struct pb_method *b)
{
    return strcmp(a->service->package, b->service->package) == 0;
}

int graph_score(const struct sequence_graph *g, const struct graph_end *from, enum sequence_edge_kind kind,
                const struct graph_end *to, uint32_t *reasons)
{
    const struct sequence_method *p = &g->methods[from->method], *c = &g->methods[to->method];
    if (from->group != to->group)
        return 0;
    enum reason alike = likeness(from, to);
    if (alike == LIKENESS_COUNT)
        return 0;
    /* A call feeds itself only to go on where its list ended. */
    if (p == c && (kind == EDGE_REQUEST || to->class != CLASS_CURSOR))
        return 0;
    if (kind == EDGE_REQUEST && (p->role != ROLE_CREATE && p->role != ROLE_UPDATE))
        return 0;
    uint32_t why = UINT32_C(1) << alike;
    switch (p->role) {
    case ROLE_CREATE:
        why |= UINT32_C(1) << FROM_CREATE;
        break;
    case ROLE_CREDENTIAL:
        why |= UINT32_C(1) << FROM_CREDENTIAL;
        break;
    case ROLE_LIST:
        why |= UINT32_C(1) << FROM_LIST;
        break;
    case ROLE_READ:
        why |= UINT32_C(1) << FROM_READ;
        break;
    case ROLE_UPDATE:
        why |= UINT32_C(1) << FROM_UPDATE;
        break;
    case ROLE_END:
        why |= UINT32_C(1) << FROM_END;
        break;
    case ROLE_WATCH:
        why |= UINT32_C(1) << FROM_WATCH;
        break;
    case ROLE_OTHER:
    case ROLE_COUNT:
        break;
    }
    bool service = p->method->service == c->method->service;
    bool resource = sequence_words_shared(&p->resource, &c->resource) > 0;
    bool package = same_package(p->method, c->method);
    if (kind == EDGE_REQUEST)
        why |= UINT32_C(1) << FROM_REQUEST;
    if (service)
        why |= UINT32_C(1) << SAME_SERVICE;
    if (resource)
        why |= UINT32_C(1) << SAME_RESOURCE;
    if (!service && package)
        why |= UINT32_C(1) << SAME_PACKAGE;
    if (!resource && !package)
        why |= UINT32_C(1) << ELSEWHERE;
    if (c->role == ROLE_CREATE && sequence_class_names_one((enum sequence_class)to->class) && (service || resource))
        why |= UINT32_C(1) << MAKES_ITSELF;
    int points = 0;
    for (size_t i = 0; i < REASON_COUNT; i++)
        points += (int)(why >> i & 1) * graph_reasons[i].points;
    *reasons = why;
    return points * graph_weight(&sequence_input(g, to->method)->leaves[to->leaf], why) / 100;
}
