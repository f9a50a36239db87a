/* Enums: values by number and by name, what is reserved, openness. */
#include "fakes/breaking/internal.h"

#include <string.h>

#define ENUM_NUMBER_MAX INT32_MAX

static bool has_number(const schema_enum_proto *e, int32_t number)
{
    for (size_t i = 0; i < e->n_value; i++)
        if (e->value[i]->number == number)
            return true;
    return false;
}

static bool has_value(const schema_enum_proto *e, const schema_value_proto *value)
{
    for (size_t i = 0; i < e->n_value; i++)
        if (e->value[i]->number == value->number && strcmp(e->value[i]->name, value->name) == 0)
            return true;
    return false;
}

bool breaking_enum_within(const schema_enum_proto *before, const schema_enum_proto *now)
{
    for (size_t i = 0; i < before->n_value; i++)
        if (!has_value(now, before->value[i]))
            return false;
    return true;
}

static bool name_reserved(const schema_enum_proto *e, const char *name)
{
    for (size_t i = 0; i < e->n_reserved_name; i++)
        if (strcmp(e->reserved_name[i], name) == 0)
            return true;
    return false;
}

static bool number_reserved(const schema_enum_proto *e, int32_t number)
{
    for (size_t i = 0; i < e->n_reserved_range; i++)
        if (number >= e->reserved_range[i]->start && number <= e->reserved_range[i]->end)
            return true;
    return false;
}

/* Names of a number, as `"PAID", "SETTLED"`; with `all_reserved` whether `now` has set all of them aside. */
static void names_of(const schema_enum_proto *e, int32_t number, struct text *out)
{
    for (size_t i = 0; i < e->n_value; i++)
        if (e->value[i]->number == number)
            text_printf(out, "%s\"%s\"", out->len > 0 ? ", " : "", e->value[i]->name);
}

static bool names_reserved(const schema_enum_proto *before, int32_t number, const schema_enum_proto *now)
{
    for (size_t i = 0; i < before->n_value; i++)
        if (before->value[i]->number == number && !name_reserved(now, before->value[i]->name))
            return false;
    return true;
}

static void value_gone(struct comparison *c, const struct schema_element *before, const struct schema_element *now,
                       size_t i, const char *names)
{
    const schema_value_proto *v = before->enumeration->value[i];
    struct schema_place place = schema_place(now, NULL, 0);
    struct schema_place was = schema_place(before, (int32_t[]){ENUM_VALUE, (int32_t)i}, 2);
    const char *element = breaking_name(c, before->full_name, v->name);
    breaking_tell(c, ENUM_VALUE_NO_DELETE, place, was, element, "value %d %s of \"%s\" is gone", v->number, names,
                  now->nested_name);
    if (!number_reserved(now->enumeration, v->number))
        breaking_tell(c, ENUM_VALUE_NO_DELETE_UNLESS_NUMBER_RESERVED, place, was, element,
                      "value %d %s of \"%s\" is gone and its number is not reserved", v->number, names,
                      now->nested_name);
    if (!names_reserved(before->enumeration, v->number, now->enumeration))
        breaking_tell(c, ENUM_VALUE_NO_DELETE_UNLESS_NAME_RESERVED, place, was, element,
                      "value %d %s of \"%s\" is gone and its name is not reserved", v->number, names, now->nested_name);
}

/* Every name a number had must still be one of its names; more may have come. */
static void value_renamed(struct comparison *c, const struct schema_element *before, const struct schema_element *now,
                          size_t i, const char *names)
{
    const schema_enum_proto *b = before->enumeration, *n = now->enumeration;
    int32_t number = b->value[i]->number;
    bool same = true;
    for (size_t k = 0; same && k < b->n_value; k++)
        same = b->value[k]->number != number || has_value(n, b->value[k]);
    if (same)
        return;
    struct text is = TEXT_INIT;
    names_of(n, number, &is);
    size_t at = 0;
    while (n->value[at]->number != number)
        at++;
    breaking_tell(c, ENUM_VALUE_SAME_NAME, schema_place(now, (int32_t[]){ENUM_VALUE, (int32_t)at, VALUE_NUMBER}, 3),
                  schema_place(before, (int32_t[]){ENUM_VALUE, (int32_t)i, VALUE_NUMBER}, 3),
                  breaking_name(c, before->full_name, b->value[i]->name), "value %d of \"%s\" was named %s and is %s",
                  number, now->nested_name, names, text_string(&is));
    c->no_memory |= !text_ok(&is);
    text_deinit(&is);
}

static void values(struct comparison *c, const struct schema_element *before, const struct schema_element *now)
{
    const schema_enum_proto *e = before->enumeration;
    for (size_t i = 0; i < e->n_value; i++) {
        bool first = true; /* of the names of its number */
        for (size_t k = 0; first && k < i; k++)
            first = e->value[k]->number != e->value[i]->number;
        if (!first)
            continue;
        struct text names = TEXT_INIT;
        names_of(e, e->value[i]->number, &names);
        if (has_number(now->enumeration, e->value[i]->number))
            value_renamed(c, before, now, i, text_string(&names));
        else
            value_gone(c, before, now, i, text_string(&names));
        c->no_memory |= !text_ok(&names);
        text_deinit(&names);
    }
}

static void set_aside(struct comparison *c, const struct schema_element *before, const struct schema_element *now)
{
    const schema_enum_proto *b = before->enumeration, *n = now->enumeration;
    ARRAY(struct number_range) was = {0}, is = {0};
    for (size_t i = 0; i < b->n_reserved_range; i++)
        c->no_memory |=
            !array_push(&was, ((struct number_range){b->reserved_range[i]->start, b->reserved_range[i]->end}));
    for (size_t i = 0; i < n->n_reserved_range; i++)
        c->no_memory |=
            !array_push(&is, ((struct number_range){n->reserved_range[i]->start, n->reserved_range[i]->end}));
    breaking_ranges(c, RESERVED_ENUM_NO_DELETE, "reserved range", before, now, was.items, was.count, is.items, is.count,
                    ENUM_NUMBER_MAX);
    array_deinit(&was);
    array_deinit(&is);
    for (size_t i = 0; i < b->n_reserved_name; i++)
        if (!name_reserved(n, b->reserved_name[i]))
            breaking_tell(c, RESERVED_ENUM_NO_DELETE, schema_place(now, NULL, 0), schema_place(before, NULL, 0),
                          before->full_name, "name \"%s\" is not reserved in \"%s\" any more", b->reserved_name[i],
                          now->nested_name);
}

static struct schema_place feature_place(const struct schema_element *e, int32_t feature)
{
    return schema_place(e, (int32_t[]){ENUM_OPTIONS, 7, feature}, 3);
}

void breaking_enums(struct comparison *c)
{
    for (size_t i = 0; i < c->before->enums.list.count; i++) {
        const struct schema_element *before = c->before->enums.list.items[i];
        const struct schema_element *now = schema_find(&c->now->enums, before->full_name);
        if (now == NULL)
            continue;
        values(c, before, now);
        set_aside(c, before, now);
        if (before->features.enum_type != now->features.enum_type)
            breaking_tell(c, ENUM_SAME_TYPE, feature_place(now, 2), feature_place(before, 2), before->full_name,
                          "enum \"%s\" was %s and is %s", now->nested_name,
                          before->features.enum_type == 2 ? "closed" : "open",
                          now->features.enum_type == 2 ? "closed" : "open");
        if (before->features.json == 1 && now->features.json != 1)
            breaking_tell(c, ENUM_SAME_JSON_FORMAT, feature_place(now, 6), feature_place(before, 6), before->full_name,
                          "JSON of \"%s\" was specified and is best effort now", now->nested_name);
    }
}
