/* `harrow chaos faults`: what the faults say of themselves, and what this machine can do of them. */
#include "base/json_build.h"
#include "base/units.h"
#include "chaos/fault/fault.h"
#include "chaos/packet/networks.h"
#include "chaos/proxy/proxy.h"
#include "harrow/commands.h"
#include "harrow/run/run.h"
#include "world/image.h"
#include "world/real.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define NAME_WIDTH 18

static bool json;

static const struct option options[] = {
    {.name = "json", .kind = OPTION_FLAG, .target = &json, .help = "print everything as one JSON array"},
    {0},
};

/* ---- a system that is not started ---- */

static bool supervised;

static int hold(struct target *t, bool held, struct error *err)
{
    (void)t;
    (void)held;
    return error_set(err, ERROR_UNSUPPORTED, "no system runs");
}

static int64_t supervisor(struct target *t)
{
    (void)t;
    return supervised ? 1 : 0;
}

static struct sim *simulation(struct target *t)
{
    (void)t;
    return NULL;
}

/* Something is needed by somebody, when no manifest says more. */
static const char *const somebody[] = {"another component", NULL};
static const struct target_component any = {.name = "a component", .needs = somebody};

/* One driver as faults ask for it. */
static const struct target_operations by_processes = {.hold = hold, .supervisor = supervisor};
static const struct target_operations by_sim = {.hold = hold, .sim = simulation};

/* Links as `harrow chaos` makes them, where the system's components can be told to use them. */
static struct proxy *imagine_links(struct world *w, const struct manifest *m)
{
    enum manifest_links kind = m != NULL ? manifest_links(m) : MANIFEST_LINKS_ALL;
    const char *from = kind == MANIFEST_LINKS_NONE ? PROXY_CLIENT : "another component";
    struct proxy *p = proxy_new(w);
    struct proxy_link *link;
    if (p != NULL && proxy_add(p, from, any.name, "127.0.0.1:1", "127.0.0.1:0", &link, NULL) == 0)
        return p;
    proxy_free(p);
    return NULL;
}

/* What a fault needs on the command line is taken for given. */
static struct target imagine(struct world *w, const struct manifest *m, struct proxy *links,
                             struct packet_networks *networks, bool sim)
{
    static const struct world_image disk = {.fd = -1};
    return (struct target){.operations = sim ? &by_sim : &by_processes,
                           .packets = networks,
                           .disk = &disk,
                           .world = w,
                           .proxy = links,
                           .system = m != NULL ? m->name : "the system",
                           .driver = sim ? "sim" : "processes",
                           .components = &any,
                           .component_count = 1};
}

struct verdict {
    bool known; /* the fault says it can do this driver */
    bool possible;
    struct text reason;
};

static void judge(const struct chaos_fault *f, struct target *t, unsigned driver, struct verdict *out)
{
    struct error why = ERROR_INIT;
    *out = (struct verdict){.known = (f->drivers & driver) != 0};
    out->possible = out->known && fault_possible(f, t, &why) == 0;
    if (out->known && !out->possible)
        error_format(&why, &out->reason);
    error_clear(&why);
}

/* ---- printing ---- */

static void print_value(enum fault_unit unit, int64_t value, struct text *out)
{
    char buffer[48];
    if (unit == FAULT_DURATION) {
        units_format_duration(value, buffer, sizeof buffer);
        text_puts(out, buffer);
    } else if (unit == FAULT_SHARE) {
        text_printf(out, "%g %%", (double)value / 10000);
    } else if (unit == FAULT_COUNT) {
        text_printf(out, "%" PRId64, value);
    } else {
        units_format_size((uint64_t)value, buffer, sizeof buffer);
        text_printf(out, "%s%s", value == INT64_MAX ? "any" : buffer, unit == FAULT_RATE ? "/s" : "");
    }
}

static const char *const unit_names[] = {
    [FAULT_DURATION] = "ns",         [FAULT_SIZE] = "bytes",
    [FAULT_RATE] = "bytes a second", [FAULT_SHARE] = "parts per million",
    [FAULT_COUNT] = "count",
};
static const char *const scope_names[] = {
    [FAULT_OF_COMPONENT] = "component",
    [FAULT_OF_LINK] = "link",
    [FAULT_OF_METHOD] = "method",
    [FAULT_OF_SYSTEM] = "system",
};

static size_t parameter_count(const struct chaos_fault *f)
{
    size_t n = 0;
    while (f->parameters != NULL && n < FAULT_PARAMETERS_MAX && f->parameters[n].name != NULL)
        n++;
    return n;
}

static void print_line(const struct chaos_fault *f, const struct verdict *p, const struct verdict *s)
{
    printf("  %-*s %s %s %s\n", NAME_WIDTH, f->name,
           p->possible ? "processes"
           : p->known  ? "   (no)  "
                       : "    -    ",
           s->possible ? "sim" : " - ", f->summary);
    if (p->possible && f->with != NULL)
        printf("  %-*s with %s\n", NAME_WIDTH, "", f->with);
    if (p->known && !p->possible)
        printf("  %-*s not here: %s\n", NAME_WIDTH, "", text_string(&p->reason));
}

static void print_whole(const struct chaos_fault *f, const struct verdict *p, const struct verdict *s)
{
    struct text out = TEXT_INIT;
    text_printf(&out, "%s: %s\n\nfamily      %s\nacts on     %s\ndrivers     %s%s%s\n", f->name, f->summary, f->family,
                f->scope == FAULT_OF_SYSTEM ? "the system" : scope_names[f->scope], p->known ? "processes" : "",
                p->known && s->known ? ", " : "", s->known ? "sim" : "");
    if (f->root)
        text_printf(&out, "needs       root%s%s, on processes\n", f->with != NULL ? " and " : "",
                    f->with != NULL ? f->with : "");
    if (p->known)
        text_printf(&out, "here        %s%s\n", p->possible ? "yes" : "no: ", text_string(&p->reason));
    text_printf(&out, "drawn       %s\nheld for    ",
                f->asked_only ? "no, only when asked for by name" : "yes, unless others are asked for");
    print_value(FAULT_DURATION, (int64_t)f->hold_min, &out);
    text_puts(&out, " to ");
    print_value(FAULT_DURATION, (int64_t)f->hold_max, &out);
    text_puts(&out, "\n");
    for (size_t i = 0; i < parameter_count(f); i++) {
        const struct fault_parameter *q = &f->parameters[i];
        text_printf(&out, "%s%-11s %s\n            ", i == 0 ? "\n" : "", q->name, q->help);
        print_value(q->unit, q->min, &out);
        text_puts(&out, " to ");
        print_value(q->unit, q->max, &out);
        text_puts(&out, "; drawn from ");
        print_value(q->unit, q->low, &out);
        text_puts(&out, " to ");
        print_value(q->unit, q->high, &out);
        text_char(&out, '\n');
    }
    fputs(text_string(&out), stdout);
    text_deinit(&out);
}

static json_t *driver_json(const char *name, const struct verdict *v)
{
    return v->possible ? json_pack("{s:s, s:b}", "name", name, "possible", 1)
                       : json_pack("{s:s, s:b, s:s}", "name", name, "possible", 0, "reason", text_string(&v->reason));
}

static json_t *fault_json(const struct chaos_fault *f, const struct verdict *p, const struct verdict *s)
{
    json_t *drivers = json_array(), *parameters = json_array();
    if (p->known)
        json_build_add(&drivers, driver_json("processes", p));
    if (s->known)
        json_build_add(&drivers, driver_json("sim", s));
    for (size_t i = 0; i < parameter_count(f); i++) {
        const struct fault_parameter *q = &f->parameters[i];
        json_build_add(&parameters,
                       json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:I}", "name", q->name, "help", q->help, "unit",
                                 unit_names[q->unit], "min", (json_int_t)q->min, "max", (json_int_t)q->max, "low",
                                 (json_int_t)q->low, "high", (json_int_t)q->high));
    }
    return json_pack("{s:s, s:s, s:s, s:s, s:b, s:s*, s:b, s:I, s:I, s:o, s:o}", "name", f->name, "family", f->family,
                     "summary", f->summary, "scope", scope_names[f->scope], "root", f->root ? 1 : 0, "with", f->with,
                     "asked_only", f->asked_only ? 1 : 0, "hold_min", (json_int_t)f->hold_min, "hold_max",
                     (json_int_t)f->hold_max, "drivers", drivers, "parameters", parameters);
}

static int list_faults(struct world *w, const struct manifest *m, const struct chaos_fault *only)
{
    struct proxy *links = imagine_links(w, m);
    struct packet_networks *networks = NULL;
    (void)packet_networks_new(w, &networks, NULL); /* where it cannot be, the faults say why */
    struct target processes = imagine(w, m, links, networks, false), sim = imagine(w, m, links, NULL, true);
    const char *family = "";
    json_t *all = json_array();
    size_t known = 0, here = 0;
    supervised = m == NULL || m->start != NULL;
    for (const struct chaos_fault *const *f = chaos_faults; *f != NULL; f++) {
        struct verdict p, s;
        if (only != NULL && only != *f)
            continue;
        judge(*f, &processes, FAULT_ON_PROCESSES, &p);
        judge(*f, &sim, FAULT_ON_SIM, &s);
        known++;
        here += p.possible || s.possible;
        if (json) {
            json_build_add(&all, fault_json(*f, &p, &s));
        } else if (only != NULL) {
            print_whole(*f, &p, &s);
        } else {
            if (strcmp(family, (*f)->family) != 0)
                printf("%s%s\n", family[0] != '\0' ? "\n" : "", (*f)->family);
            family = (*f)->family;
            print_line(*f, &p, &s);
        }
        text_deinit(&p.reason);
        text_deinit(&s.reason);
    }
    if (json)
        harrow_json_print(json_incref(all), 2);
    if (!json && only == NULL)
        printf("\n%zu faults, %zu of them possible here\n", known, here);
    json_decref(all);
    packet_networks_free(networks);
    proxy_free(links);
    return HARROW_PASSED;
}

int command_faults_run(const struct arguments *args)
{
    const struct chaos_fault *only = NULL;
    struct manifest *m = NULL;
    struct world *w = NULL;
    struct error err = ERROR_INIT;
    int code = world_real_new(0, &w, &err);
    for (int i = 0; code == 0 && i < args->argc; i++) {
        const struct chaos_fault *named = fault_find(args->argv[i]);
        struct world_stat stat = {0};
        if (named != NULL)
            only = named;
        else if (world_stat(w, args->argv[i], &stat) != 0 || !stat.exists)
            code = strpbrk(args->argv[i], "./") != NULL
                       ? error_set_at(&err, ERROR_NOT_FOUND, args->argv[i], 0, 0, "there is no such manifest")
                       : fault_unknown(NULL, args->argv[i], &err);
        else if (m == NULL)
            code = manifest_load(w, args->argv[i], &m, &err);
    }
    int exit_code = code == 0 ? list_faults(w, m, only) : harrow_error(&err, "faults");
    error_clear(&err);
    manifest_free(m);
    world_real_free(w);
    return exit_code;
}

const struct command command_chaos_faults = {
    .name = "faults",
    .summary = "what faults there are, and what this machine can do of them",
    .positional = "[NAME] [MANIFEST]",
    .positional_max = 2,
    .description = "Each fault says what it does, on which drivers, with which parameters in which ranges. With NAME:\n"
                   "all that one says of itself. With MANIFEST: what can be done to that system.",
    .examples = "  harrow chaos faults\n"
                "  harrow chaos faults disk-slow-sync\n"
                "  harrow chaos faults --json systems/micro.yaml\n",
    .options = options,
    .run = command_faults_run,
};
