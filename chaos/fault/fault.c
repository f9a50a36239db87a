#include "chaos/fault/fault.h"

#include "base/document.h"
#include "base/units.h"
#include "chaos/fault/faults.h"

#include <inttypes.h>
#include <string.h>

const struct chaos_fault *const chaos_faults[] = {
#define FAULT(name) &fault_##name,
    CHAOS_FAULTS
#undef FAULT
        NULL,
};

const struct chaos_fault *fault_find(const char *name)
{
    for (const struct chaos_fault *const *f = chaos_faults; *f != NULL; f++)
        if (strcmp((*f)->name, name) == 0)
            return *f;
    return NULL;
}

#define NAMES_MAX 256
_Static_assert(sizeof chaos_faults / sizeof chaos_faults[0] <= NAMES_MAX, "a place for every fault's name");

int fault_unknown(const struct node *n, const char *name, struct error *err)
{
    const char *names[NAMES_MAX] = {NULL};
    for (size_t i = 0; chaos_faults[i] != NULL; i++)
        names[i] = chaos_faults[i]->name;
    return chaos_unknown(n, "there is no fault", name, names, ": harrow chaos faults shows all", err);
}

int chaos_unknown(const struct node *n, const char *what, const char *name, const char *const *names, const char *more,
                  struct error *err)
{
    const char *near = nearest_word(name, names);
    const char *before = near != NULL ? ": did you mean \"" : "", *after = near != NULL ? "\"?" : more;
    if (near == NULL)
        near = "";
    return n != NULL ? node_error(n, err, ERROR_INVALID, "%s \"%s\"%s%s%s", what, name, before, near, after)
                     : error_set(err, ERROR_INVALID, "%s \"%s\"%s%s%s", what, name, before, near, after);
}

int chaos_unknown_component(const struct node *n, const struct target *t, const char *name, struct error *err)
{
    struct text what = TEXT_INIT;
    const char *names[NAMES_MAX] = {NULL};
    for (size_t i = 0; i < t->component_count && i < NAMES_MAX - 1; i++)
        names[i] = t->components[i].name;
    text_printf(&what, "%s has no component", t->system);
    int code = chaos_unknown(n, text_string(&what), name, names, "", err);
    text_deinit(&what);
    return code;
}

bool fault_goes_alone(const struct chaos_fault *f)
{
    return f->alone || f->scope == FAULT_OF_SYSTEM;
}

static unsigned driver_bit(const struct target *t)
{
    return strcmp(t->driver, "sim") == 0      ? FAULT_ON_SIM
           : strcmp(t->driver, "attach") == 0 ? FAULT_ON_ATTACH
                                              : FAULT_ON_PROCESSES;
}

int fault_possible(const struct chaos_fault *f, struct target *t, struct error *err)
{
    if ((f->drivers & driver_bit(t)) == 0)
        return error_set(err, ERROR_UNSUPPORTED, "fault %s cannot be done by the %s driver%s", f->name, t->driver,
                         f->drivers == FAULT_ON_SIM ? ": it needs --driver sim" : "");
    if (f->root && driver_bit(t) == FAULT_ON_PROCESSES && fault_needs_root(t, err) != 0)
        return ERROR_DENIED;
    return f->possible != NULL ? f->possible(t, err) : 0;
}

void fault_draw(struct fault_injection *f)
{
    const struct fault_parameter *p = f->fault->parameters;
    for (size_t i = 0; p != NULL && i < FAULT_PARAMETERS_MAX && p[i].name != NULL; i++)
        if (f->parameters[i] == INT64_MIN)
            f->parameters[i] = random_range(&f->random, p[i].low, p[i].high);
}

static void print_value(enum fault_unit unit, int64_t value, struct text *out)
{
    char buffer[48];
    switch (unit) {
    case FAULT_DURATION:
        units_format_duration(value, buffer, sizeof buffer);
        text_puts(out, buffer);
        break;
    case FAULT_SHARE:
        text_printf(out, "%g%%", (double)value / 10000);
        break;
    case FAULT_SIZE:
    case FAULT_RATE:
        text_printf(out, "%" PRId64 "%s", value, unit == FAULT_RATE ? "B/s" : "B");
        break;
    case FAULT_COUNT:
        text_printf(out, "%" PRId64, value);
        break;
    }
}

void fault_print(const struct fault_injection *f, struct text *out)
{
    const struct fault_parameter *p = f->fault->parameters;
    text_puts(out, f->fault->name);
    for (size_t i = 0; p != NULL && i < FAULT_PARAMETERS_MAX && p[i].name != NULL; i++) {
        text_printf(out, " %s=", p[i].name);
        print_value(p[i].unit, f->parameters[i], out);
    }
}
