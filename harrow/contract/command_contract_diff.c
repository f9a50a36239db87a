/* harrow contract diff: what would break between two versions of a schema. */
#include "base/json_build.h"
#include "base/json_text.h"
#include "base/units.h"
#include "fakes/breaking/approvals.h"
#include "harrow/commands.h"
#include "harrow/fakes/protos.h"
#include "harrow/run/run.h"
#include "harrow/contract/usage.h"
#include "world/real.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PATHS_MAX 64
#define USES_MAX  5 /* told of one break as text; JSON has all */

static const char *level, *approvals_file, *unread;
static const char *const unread_words[] = {"fail", "warn", NULL};
static struct option_list except, paths, pacts, flows;
static bool json, list_rules, keep_unstable;

static const struct option options[] = {
    {.name = "level",
     .letter = 'l',
     .kind = OPTION_TEXT,
     .target = &level,
     .argument = "LEVEL",
     .fallback = "file",
     .help = "what must go on working: file (generated code), package, wire-json, wire; or the name of one rule"},
    {.name = "except", .kind = OPTION_LIST, .target = &except, .argument = "RULE", .help = "leave this rule out"},
    {.name = "approvals",
     .letter = 'a',
     .kind = OPTION_TEXT,
     .target = &approvals_file,
     .argument = "FILE",
     .help = "breaks that were agreed to, each with a reason and a last day"},
    {.name = "proto-path",
     .letter = 'I',
     .kind = OPTION_LIST,
     .target = &paths,
     .argument = "FOLDER",
     .help = "where imports of .proto files are looked for, in both versions"},
    {.name = "stable-only",
     .kind = OPTION_FLAG,
     .target = &keep_unstable,
     .help = "leave out packages that end in v1alpha1, v1beta1, v1test and the like"},
    {.name = "pacts",
     .kind = OPTION_LIST,
     .target = &pacts,
     .argument = "FOLDER",
     .help = "recorded contracts (Pact files): each break says which consumers use what breaks"},
    {.name = "flows",
     .kind = OPTION_LIST,
     .target = &flows,
     .argument = "FOLDER",
     .help = "flows: each break says which of them use what breaks"},
    {.name = "unread",
     .kind = OPTION_CHOICE,
     .target = &unread,
     .choices = unread_words,
     .argument = "WHAT",
     .fallback = "fail",
     .help = "with --pacts or --flows: what a break does that nobody recorded there would meet"},
    {.name = "rules", .kind = OPTION_FLAG, .target = &list_rules, .help = "list the rules and their levels, and leave"},
    {.name = "json", .kind = OPTION_FLAG, .target = &json, .help = "print one JSON object"},
    {0},
};

struct side {
    const char *given;
    char folder[512]; /* put before the names of its files; "" when it is a set */
    struct text bytes;
    struct schema *schema;
};

static bool ends_with(const char *path, const char *ending)
{
    size_t len = strlen(path), n = strlen(ending);
    return len >= n && strcmp(path + len - n, ending) == 0;
}

static int load(struct world *w, struct side *s, struct error *err)
{
    const char *folders[PATHS_MAX + 1] = {0};
    struct world_stat stat = {0};
    int code = world_stat(w, s->given, &stat);
    if (code != 0 || !stat.exists)
        return error_set_at(err, ERROR_NOT_FOUND, s->given, 0, 0,
                            "there is no such file; expected a folder of .proto files, one of them, or a descriptor "
                            "set as protoc --include_imports --include_source_info -o writes it");
    if (paths.count > PATHS_MAX)
        return error_set(err, ERROR_LIMIT, "--proto-path may be given %d times", PATHS_MAX);
    for (size_t i = 0; i < paths.count; i++)
        folders[i] = paths.items[i];
    if (stat.directory)
        snprintf(s->folder, sizeof s->folder, "%s%s", s->given, ends_with(s->given, "/") ? "" : "/");
    if (stat.directory || ends_with(s->given, ".proto"))
        code = protos_compile(w, (const char *const[]){s->given, NULL}, folders, NULL, &s->bytes, err);
    else
        code = world_read_file(w, s->given, SCHEMA_SET_MAX, &s->bytes, err);
    if (code == 0 && schema_new(text_bytes(&s->bytes), s->given, &s->schema, err) == ERROR_UNSUPPORTED)
        err->code = ERROR_INVALID; /* it is the file that is wrong */
    return code != 0 ? code : err->code;
}

/* ---- rules ---- */

static void print_rules(void)
{
    static const struct {
        unsigned bit;
        const char *name;
    } levels[] = {{BREAKING_FILE, "file"},
                  {BREAKING_PACKAGE, "package"},
                  {BREAKING_WIRE_JSON, "wire-json"},
                  {BREAKING_WIRE, "wire"},
                  {BREAKING_CSR, "csr"}};
    for (int i = 0; i < BREAKING_RULE_COUNT; i++) {
        printf("  %-48s %s\n  %48s ", breaking_rules[i].id, breaking_rules[i].purpose, "");
        for (size_t k = 0; k < sizeof levels / sizeof levels[0]; k++)
            if ((breaking_rules[i].categories & levels[k].bit) != 0)
                printf("[%s] ", levels[k].name);
        printf("\n");
    }
}

static int unknown_rule(const char *what, const char *name, struct error *err)
{
    static const char *const levels[] = {"file", "package", "wire-json", "wire"};
    const char *names[BREAKING_RULE_COUNT + sizeof levels / sizeof levels[0] + 1] = {0};
    for (int i = 0; i < BREAKING_RULE_COUNT; i++)
        names[i] = breaking_rules[i].id;
    if (strcmp(what, "--level") == 0)
        memcpy(names + BREAKING_RULE_COUNT, levels, sizeof levels);
    const char *near = nearest_word(name, names);
    return error_set(err, ERROR_INVALID, "%s \"%s\" is no rule%s%s%s; --rules lists them", what, name,
                     near != NULL ? ": did you mean " : "", near != NULL ? near : "", near != NULL ? "?" : "");
}

static int choose_rules(struct breaking_rules_set *set, struct error *err)
{
    unsigned category = breaking_category_by_name(level);
    int only = category == 0 ? breaking_rule_by_name(level) : -1;
    if (category == 0 && only < 0)
        return unknown_rule("--level", level, err);
    *set = breaking_rules_of(category);
    if (only >= 0)
        set->on[only] = true;
    for (size_t i = 0; i < except.count; i++) {
        int rule = breaking_rule_by_name(except.items[i]);
        if (rule < 0)
            return unknown_rule("--except", except.items[i], err);
        set->on[rule] = false;
    }
    return 0;
}

/* ---- telling ---- */

/* Who uses what a finding is about. */
struct weight {
    const struct usage_entry **uses;
    size_t count;
    bool warning; /* nobody, and that is borne */
};

struct outcome {
    struct side before, now;
    struct breaking breaking;
    struct approvals approvals;
    struct usage usage;
    struct weight *weights; /* of each finding; NULL: not asked for */
    size_t open, warnings;
    double took; /* ms, without reading */
};

static void put_place(const struct side *s, const struct schema_place *p)
{
    printf("%s%s", s->folder, p->file);
    if (p->line > 0)
        printf(":%d:%d", p->line, p->column);
}

static void print_uses(const struct weight *weight)
{
    for (size_t i = 0; i < weight->count && i < USES_MAX; i++) {
        const struct usage_entry *e = weight->uses[i];
        printf("    used: %s %s %s, %s:%d:%d\n", e->who, usage_verb_name(e->verb), e->element, e->file, e->line,
               e->column);
    }
    if (weight->count > USES_MAX)
        printf("    and %zu uses more (--json has all)\n", weight->count - USES_MAX);
    if (weight->count == 0)
        printf("    read by nobody recorded\n");
}

static void print_finding(const struct outcome *o, const struct breaking_finding *f, const struct weight *weight)
{
    bool left = *f->place.file != '\0';
    put_place(left ? &o->now : &o->before, left ? &f->place : &f->before);
    printf(": %s%s (%s)\n", weight != NULL && weight->warning ? "warning: " : "", f->message,
           breaking_rules[f->rule].id);
    if (left && f->before.line > 0) {
        printf("    was: ");
        put_place(&o->before, &f->before);
        printf("\n");
    }
    if (f->reason != NULL)
        printf("    approved: %s\n", f->reason);
    else
        printf("    fix: %s\n", breaking_rules[f->rule].fix);
    if (weight != NULL)
        print_uses(weight);
}

static void print_text(const struct outcome *o)
{
    for (size_t i = 0; i < o->breaking.findings.count; i++)
        print_finding(o, &o->breaking.findings.items[i], o->weights != NULL ? &o->weights[i] : NULL);
    for (size_t i = 0; i < o->approvals.list.count; i++) {
        const struct approval *a = &o->approvals.list.items[i];
        if (a->expired)
            printf("%s:%d:%d: this approval ended on %s: %s\n", approvals_file, a->line, a->column, a->consent.expires,
                   a->consent.reason);
        else if (a->used == 0)
            printf("%s:%d:%d: this approval approves nothing any more, and can go\n", approvals_file, a->line,
                   a->column);
    }
    if (o->weights != NULL)
        printf("weighed by pacts %zu, flows %zu; ", o->usage.pacts, o->usage.flows);
    if (o->warnings != 0)
        printf("%zu read by nobody and borne; ", o->warnings);
    printf("%zu breaking, %zu approved; compared: files %zu, messages %zu, services %zu, in %.1f ms\n", o->open,
           o->breaking.findings.count - o->open - o->warnings, o->before.schema->files.count,
           o->before.schema->messages.list.count, o->before.schema->services.list.count, o->took);
}

static json_t *place_json(const struct side *s, const struct schema_place *p)
{
    if (*p->file == '\0')
        return json_null();
    return json_pack("{s:s+, s:i, s:i}", "file", s->folder, p->file, "line", p->line, "column", p->column);
}

/* null: not asked for. */
static json_t *uses_json(const struct weight *weight)
{
    json_t *list = weight != NULL ? json_array() : json_null();
    for (size_t i = 0; weight != NULL && i < weight->count; i++) {
        const struct usage_entry *e = weight->uses[i];
        json_build_add(&list,
                       json_pack("{s:s, s:s, s:s, s:s, s:i, s:i}", "who", e->who, "verb", usage_verb_name(e->verb),
                                 "element", e->element, "file", e->file, "line", e->line, "column", e->column));
    }
    return list;
}

static int print_json(const struct outcome *o)
{
    json_t *list = json_array();
    for (size_t i = 0; list != NULL && i < o->breaking.findings.count; i++) {
        const struct breaking_finding *f = &o->breaking.findings.items[i];
        const struct weight *weight = o->weights != NULL ? &o->weights[i] : NULL;
        json_build_add(&list,
                       json_pack("{s:s, s:s, s:s, s:o, s:o, s:s, s:s?, s:b, s:o}", "rule", breaking_rules[f->rule].id,
                                 "element", f->element, "message", f->message, "place", place_json(&o->now, &f->place),
                                 "before", place_json(&o->before, &f->before), "fix", breaking_rules[f->rule].fix,
                                 "approved", f->reason, "warning", weight != NULL && weight->warning, "uses",
                                 uses_json(weight)));
    }
    json_t *root = json_pack("{s:I, s:I, s:I, s:f, s:o}", "breaking", (json_int_t)o->open, "approved",
                             (json_int_t)(o->breaking.findings.count - o->open - o->warnings), "warnings",
                             (json_int_t)o->warnings, "milliseconds", o->took, "findings", list);
    char *line = root != NULL ? json_text_of(root, 0) : NULL;
    json_decref(root);
    if (line == NULL)
        return ERROR_MEMORY;
    printf("%s\n", line);
    free(line);
    return 0;
}

/* ---- the whole ---- */

static bool unstable(const char *package)
{
    const char *last = strrchr(package, '.');
    last = last != NULL ? last + 1 : package;
    return last[0] == 'v' &&
           (strstr(last, "alpha") != NULL || strstr(last, "beta") != NULL || strstr(last, "test") != NULL);
}

static void drop_unstable(struct outcome *o)
{
    size_t kept = 0;
    for (size_t i = 0; i < o->breaking.findings.count; i++) {
        const struct breaking_finding *f = &o->breaking.findings.items[i];
        const struct schema_file *file = schema_file(o->before.schema, f->before.file);
        if (file == NULL || !unstable(file->package))
            o->breaking.findings.items[kept++] = *f;
    }
    o->breaking.findings.count = kept;
}

static int read_approvals(struct world *w, struct outcome *o, struct error *err)
{
    struct text bytes = TEXT_INIT;
    struct document *document = NULL;
    int code = world_read_file(w, approvals_file, DOCUMENT_SIZE_MAX, &bytes, err);
    if (code == 0)
        code = document_parse(text_bytes(&bytes), approvals_file, &document, err);
    if (code == 0)
        code = approvals_read(document, &o->approvals, err);
    text_deinit(&bytes);
    return code;
}

/* Who uses what breaks, and which breaks are borne because nobody does. */
static int weigh(struct world *w, struct outcome *o, struct error *err)
{
    int code = 0;
    if (pacts.count + flows.count == 0)
        return 0;
    usage_init(&o->usage, o->before.schema);
    for (size_t i = 0; code == 0 && i < pacts.count; i++)
        code = usage_add_pacts(&o->usage, w, pacts.items[i], err);
    for (size_t i = 0; code == 0 && i < flows.count; i++)
        code = usage_add_flow_files(&o->usage, w, flows.items[i], err);
    usage_ready(&o->usage);
    o->weights = code == 0 ? calloc(o->breaking.findings.count + 1, sizeof *o->weights) : NULL;
    if (code == 0 && o->weights == NULL)
        code = error_set(err, ERROR_MEMORY, "out of memory");
    for (size_t i = 0; code == 0 && i < o->breaking.findings.count; i++) {
        const struct breaking_finding *f = &o->breaking.findings.items[i];
        struct weight *weight = &o->weights[i];
        if (usage_of(&o->usage, f->element, &weight->uses, &weight->count) != 0)
            code = error_set(err, ERROR_MEMORY, "out of memory");
        weight->warning = weight->count == 0 && f->reason == NULL && strcmp(unread, "warn") == 0;
        o->warnings += weight->warning;
    }
    o->open -= o->warnings;
    return code;
}

static void unweigh(struct outcome *o)
{
    for (size_t i = 0; o->weights != NULL && i < o->breaking.findings.count; i++)
        free(o->weights[i].uses);
    free(o->weights);
    usage_deinit(&o->usage);
}

static int diff(struct world *w, const struct breaking_rules_set *rules, struct outcome *o, struct error *err)
{
    char today[16] = "";
    time_t seconds = (time_t)(world_wall(w) / SECOND);
    struct tm day;
    int code;
    if ((code = load(w, &o->before, err)) != 0 || (code = load(w, &o->now, err)) != 0)
        return code;
    uint64_t start = world_now(w);
    if ((code = breaking_check(o->before.schema, o->now.schema, rules, &o->breaking, err)) != 0)
        return code;
    o->took = (double)(world_now(w) - start) / 1e6;
    if (keep_unstable)
        drop_unstable(o);
    if (approvals_file != NULL && (code = read_approvals(w, o, err)) != 0)
        return code;
    if (gmtime_r(&seconds, &day) != NULL)
        strftime(today, sizeof today, "%Y-%m-%d", &day);
    o->open = approvals_apply(&o->approvals, &o->breaking, today);
    if ((code = weigh(w, o, err)) != 0)
        return code;
    if (!json)
        print_text(o);
    else if ((code = print_json(o)) != 0)
        error_set(err, code, "out of memory");
    return code;
}

static int run(const struct arguments *args)
{
    struct error err = ERROR_INIT;
    struct world *w = NULL;
    if (list_rules) {
        print_rules();
        return HARROW_PASSED;
    }
    if (args->argc != 2) {
        fprintf(stderr,
                "harrow: contract diff: which OLD and NEW? For example: harrow contract diff main/proto proto\n");
        return HARROW_USAGE;
    }
    if (strcmp(unread, "warn") == 0 && pacts.count + flows.count == 0) {
        fprintf(stderr, "harrow: contract diff: --unread warn needs --pacts or --flows: who would be asked?\n");
        return HARROW_USAGE;
    }
    struct breaking_rules_set rules;
    if (choose_rules(&rules, &err) != 0) {
        fprintf(stderr, "harrow: contract diff: %s\n", err.message != NULL ? err.message : "out of memory");
        error_clear(&err);
        return HARROW_USAGE;
    }
    struct outcome o = {.before = {.given = args->argv[0]}, .now = {.given = args->argv[1]}};
    int code = world_real_new(0, &w, &err);
    if (code == 0)
        code = diff(w, &rules, &o, &err);
    int exit_code = code != 0 ? harrow_error(&err, "contract diff") : o.open > 0 ? HARROW_FAILED : HARROW_PASSED;
    unweigh(&o);
    approvals_deinit(&o.approvals);
    breaking_deinit(&o.breaking);
    schema_free(o.before.schema);
    schema_free(o.now.schema);
    text_deinit(&o.before.bytes);
    text_deinit(&o.now.bytes);
    world_real_free(w);
    error_clear(&err);
    return exit_code;
}

const struct command command_contract_diff = {
    .name = "diff",
    .summary = "breaking changes between two versions of .proto files",
    .positional = "OLD NEW",
    .positional_min = 0,
    .positional_max = 2,
    .description =
        "OLD and NEW are folders of .proto files, single ones, or descriptor sets. What a program built with OLD\n"
        "would stumble over in NEW is told with its place, the rule and a way out. The rules and their names are\n"
        "those of buf's breaking check; --level says how strict: file, package, wire-json or wire.\n"
        "\n"
        "With --pacts and --flows each break is weighed: which consumers and flows use what breaks, and where they "
        "say\n"
        "so. Of a field it is who sets or reads it, of a method who calls it.",
    .exit_codes = "  0    nothing breaks, or all of it was approved\n"
                  "  1    something breaks\n"
                  "  2    the command line is wrong\n"
                  "  4    a file is not there, or what is in it is wrong\n",
    .examples = "  harrow contract diff main/proto proto                      two folders\n"
                "  harrow contract diff old.pb new.pb --level wire            what is on the wire only\n"
                "  harrow contract diff old new --approvals breaks.yaml       breaks that were agreed to\n"
                "  harrow contract diff old new --pacts pacts --flows e2e/flows --unread warn\n"
                "  harrow contract diff --rules\n",
    .options = options,
    .run = run,
};
