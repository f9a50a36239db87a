#include "fakes/generate/messages.h"

#include <stdlib.h>
#include <string.h>

size_t write_ranges(struct text *out, const char *name, size_t n, int32_t (*number)(const void *arg, size_t i),
                    const void *arg)
{
    size_t runs = 0;
    text_printf(out, "static const ProtobufCIntRange %s[] = {\n", name);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || number(arg, i - 1) == INT32_MAX || number(arg, i) != number(arg, i - 1) + 1) {
            text_puts(out, "    {");
            text_printf(out, number(arg, i) == INT32_MIN ? "(%d + 1) - 1" : "%d",
                        number(arg, i) == INT32_MIN ? INT32_MIN + 1 : number(arg, i));
            text_printf(out, ", %zu},\n", i);
            runs++;
        }
    text_printf(out, "    {0, %zu},\n};\n", n);
    return runs;
}

struct sorted_enum {
    const enum_proto *proto;
    size_t *order; /* indices of values */
    size_t count;
};

static int compare_values(const void *a, const void *b, void *arg)
{
    const enum_proto *p = arg;
    size_t i = *(const size_t *)a, k = *(const size_t *)b;
    int32_t x = p->value[i]->number, y = p->value[k]->number;
    return x != y ? (x > y) - (x < y) : (i > k) - (i < k);
}

static int compare_value_names(const void *a, const void *b)
{
    return strcmp(((const struct value_name *)a)->name, ((const struct value_name *)b)->name);
}

void value_names_sort(struct value_name *names, size_t count)
{
    if (count > 0)
        qsort(names, count, sizeof names[0], compare_value_names);
}

static int32_t value_number(const void *arg, size_t i)
{
    const struct sorted_enum *s = arg;
    return s->proto->value[s->order[i]]->number;
}

static void write_enum_type(struct output *o, const struct gen_type *t)
{
    const enum_proto *p = t->enumeration;
    text_printf(&o->enums, "typedef enum %s {\n", t->c);
    for (size_t i = 0; i < p->n_value; i++) {
        int32_t number = p->value[i]->number;
        text_printf(&o->enums, number == INT32_MIN ? "    %s__%s = %d - 1%s\n" : "    %s__%s = %d%s\n", t->upper,
                    p->value[i]->name, number == INT32_MIN ? INT32_MIN + 1 : number, i + 1 < p->n_value ? "," : "");
    }
    text_printf(&o->enums, "    PROTOBUF_C__FORCE_ENUM_TO_BE_INT_SIZE(%s)\n} %s;\n\n", t->upper, t->c);
    text_printf(&o->descriptors, "extern const ProtobufCEnumDescriptor %s__descriptor;\n", t->lower);
}

int write_enum(struct output *o, const char *scope, const enum_proto *p)
{
    struct generator *g = o->g;
    char *dotted = arena_printf(&g->arena, "%s.%s", scope, p->name);
    const struct gen_type *t = dotted != NULL ? gen_type(g, dotted) : NULL;
    size_t *order = ARENA_NEW_N(&g->arena, size_t, p->n_value + 1);
    struct value_name *names = ARENA_NEW_N(&g->arena, struct value_name, p->n_value + 1);
    char *ranges = t != NULL ? arena_printf(&g->arena, "%s__value_ranges", t->lower) : NULL;
    if (t == NULL || order == NULL || names == NULL || ranges == NULL)
        return gen_no_memory(g);
    write_enum_type(o, t);
    union {
        const enum_proto *looked_at;
        void *passed;
    } arg = {.looked_at = p};
    for (size_t i = 0; i < p->n_value; i++)
        order[i] = i;
    qsort_r(order, p->n_value, sizeof order[0], compare_values, arg.passed);
    size_t unique = 0;
    for (size_t i = 0; i < p->n_value; i++) {
        bool alias = i > 0 && p->value[order[i]]->number == p->value[order[unique - 1]]->number;
        const char *name = p->value[order[i]]->name;
        if (!alias)
            order[unique++] = order[i];
        names[i] = (struct value_name){name, unique - 1};
    }
    value_names_sort(names, p->n_value);
    struct text *out = &o->source;
    text_printf(out, "static const ProtobufCEnumValue %s__enum_values_by_number[%zu] = {\n", t->lower, unique);
    for (size_t i = 0; i < unique; i++)
        text_printf(out, "    {\"%s\", \"%s__%s\", %s__%s},\n", p->value[order[i]]->name, t->upper,
                    p->value[order[i]]->name, t->upper, p->value[order[i]]->name);
    text_puts(out, "};\n");
    struct sorted_enum sorted = {p, order, unique};
    size_t runs = write_ranges(out, ranges, unique, value_number, &sorted);
    text_printf(out, "static const ProtobufCEnumValueIndex %s__enum_values_by_name[%zu] = {\n", t->lower, p->n_value);
    for (size_t i = 0; i < p->n_value; i++)
        text_printf(out, "    {\"%s\", %zu},\n", names[i].name, names[i].index);
    text_printf(out,
                "};\nconst ProtobufCEnumDescriptor %s__descriptor = {\n"
                "    PROTOBUF_C__ENUM_DESCRIPTOR_MAGIC, \"%s\", \"%s\", \"%s\", \"%s\", %zu,\n"
                "    %s__enum_values_by_number, %zu, %s__enum_values_by_name, %zu, %s, NULL, NULL, NULL, NULL\n};\n\n",
                t->lower, t->full_name, p->name, t->c, o->file->proto->package != NULL ? o->file->proto->package : "",
                unique, t->lower, p->n_value, t->lower, runs, ranges);
    return 0;
}
