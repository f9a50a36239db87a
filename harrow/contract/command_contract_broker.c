/* harrow contract publish, record-deployment, can-i-deploy: the folder that is a broker. */
#include "base/array.h"
#include "base/json_build.h"
#include "fakes/broker/broker.h"
#include "fakes/consumer/consumer.h"
#include "harrow/commands.h"
#include "harrow/run/run.h"
#include "world/real.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CAN_UNKNOWN 5 /* exit code: neither yes nor no */

static const char *folder, *version, *branch, *component, *environment;
static struct option_list tags;
static bool json;

#define BROKER_OPTION                                                                                                  \
    {                                                                                                                  \
        .name = "broker", .kind = OPTION_TEXT, .target = &folder, .argument = "FOLDER", .env = "HARROW_BROKER",        \
        .help = "the broker's folder; made when it is not there"                                                       \
    }
#define VERSION_OPTION                                                                                                 \
    {                                                                                                                  \
        .name = "version", .kind = OPTION_TEXT, .target = &version, .argument = "VERSION",                             \
        .help = "of the component: a commit, a release"                                                                \
    }
#define COMPONENT_OPTION                                                                                               \
    {                                                                                                                  \
        .name = "component", .letter = 'c', .kind = OPTION_TEXT, .target = &component, .argument = "NAME",             \
        .help = "by its name in pacts"                                                                                 \
    }
#define TO_OPTION                                                                                                      \
    {                                                                                                                  \
        .name = "to", .kind = OPTION_TEXT, .target = &environment, .argument = "ENVIRONMENT",                          \
        .help = "production, staging, ..."                                                                             \
    }
#define JSON_OPTION                                                                                                    \
    {                                                                                                                  \
        .name = "json", .kind = OPTION_FLAG, .target = &json, .help = "print one JSON object"                          \
    }

/* Whether everything that is needed was said. */
static bool said(const char *command, const char *name, const char *value)
{
    if (value == NULL)
        fprintf(stderr, "harrow: contract %s: --%s is needed\n", command, name);
    return value != NULL;
}

struct broking {
    struct world *world;
    struct pact_broker *broker;
    struct error err;
};

static int begin(struct broking *b)
{
    *b = (struct broking){.err = ERROR_INIT};
    int code = world_real_new(0, &b->world, &b->err);
    return code == 0 ? pact_broker_open(b->world, folder, &b->broker, &b->err) : code;
}

static int end(struct broking *b, int code, const char *command)
{
    char doing[64];
    (void)snprintf(doing, sizeof doing, "contract %s", command);
    int exit_code = code == 0 ? HARROW_PASSED : harrow_error(&b->err, doing);
    if (code == ERROR_EXISTS)
        exit_code = HARROW_INPUT;
    pact_broker_close(b->broker);
    world_real_free(b->world);
    error_clear(&b->err);
    return exit_code;
}

/* ---- publish ---------------------------------------------------------------------------------------------------- */

struct publishing {
    struct broking *to;
    json_t *told;
    size_t count;
};

static int publish_file(struct publishing *p, const char *path)
{
    struct pact *pact;
    int code = consumer_read_pact(p->to->world, path, &pact, &p->to->err);
    if (code != 0)
        return code;
    code = pact_broker_publish(p->to->broker, pact, version, branch, tags.items, tags.count, &p->to->err);
    if (code == 0) {
        const struct pact_broker_record *r = array_last(&p->to->broker->records);
        for (size_t i = 0; i < p->to->broker->records.count; i++) {
            r = &p->to->broker->records.items[i];
            if (r->kind == BROKER_PUBLICATION && strcmp(r->component, pact->consumer) == 0 &&
                strcmp(r->provider, pact->provider) == 0 && strcmp(r->version, version) == 0)
                break;
        }
        p->count++;
        if (!json)
            printf("%s %s with %s: %zu interactions, %.12s\n", pact->consumer, version, pact->provider,
                   pact->interactions.count, r->pact);
        json_build_add(&p->told, json_pack("{s:s, s:s, s:s, s:I, s:s}", "consumer", pact->consumer, "provider",
                                           pact->provider, "version", version, "interactions",
                                           (json_int_t)pact->interactions.count, "pact", r->pact));
    }
    pact_free(pact);
    return code;
}

static int publish_each(void *arg, const char *path)
{
    size_t len = strlen(path);
    return len > 5 && strcmp(path + len - 5, ".json") == 0 ? publish_file(arg, path) : 0;
}

static int publish_given(struct publishing *p, const char *path)
{
    struct world_stat stat;
    int code = world_stat(p->to->world, path, &stat);
    if (code != 0 || !stat.exists)
        return error_set(&p->to->err, ERROR_INVALID, "%s: there is no such file; expected a pact, or a folder of them",
                         path);
    return stat.directory ? world_walk(p->to->world, path, publish_each, p, &p->to->err) : publish_file(p, path);
}

static int publish_run(const struct arguments *args)
{
    struct broking b;
    if (!said("publish", "broker", folder) || !said("publish", "version", version))
        return HARROW_USAGE;
    struct publishing p = {.to = &b, .told = json_array()};
    int code = begin(&b);
    for (int i = 0; i < args->argc && code == 0; i++)
        code = publish_given(&p, args->argv[i]);
    if (code == 0 && p.count == 0)
        code = error_set(&b.err, ERROR_INVALID, "there is no pact in what was given");
    if (code == 0 && json)
        harrow_json_print(json_pack("{s:O}", "published", p.told), 0);
    json_decref(p.told);
    return end(&b, code, "publish");
}

static const struct option publish_options[] = {
    BROKER_OPTION,
    VERSION_OPTION,
    {.name = "branch",
     .letter = 'b',
     .kind = OPTION_TEXT,
     .target = &branch,
     .argument = "NAME",
     .help = "which the version is from"},
    {.name = "tag", .kind = OPTION_LIST, .target = &tags, .argument = "NAME", .help = "a tag of the version"},
    JSON_OPTION,
    {0},
};

const struct command command_contract_publish = {
    .name = "publish",
    .summary = "put a version's pacts into a broker's folder",
    .positional = "PACT...",
    .positional_min = 1,
    .positional_max = -1,
    .description = "PACT is a pact's file, or a folder of them. What a version was published with does not change:\n"
                   "publishing the same again does nothing, publishing something else under the version is an error.",
    .exit_codes = "  0    published\n"
                  "  2    the command line is wrong\n"
                  "  3    a file could not be read or written\n"
                  "  4    a pact or a record is wrong, or the version has another pact\n",
    .examples = "  harrow contract publish pacts/ --broker broker --version 3f2c1d --branch main\n",
    .options = publish_options,
    .run = publish_run,
};

/* ---- record-deployment ------------------------------------------------------------------------------------------ */

static int deployment_run(const struct arguments *args)
{
    struct broking b;
    (void)args;
    if (!said("record-deployment", "broker", folder) || !said("record-deployment", "component", component) ||
        !said("record-deployment", "version", version) || !said("record-deployment", "to", environment))
        return HARROW_USAGE;
    int code = begin(&b);
    if (code == 0)
        code = pact_broker_deploy(b.broker, component, version, environment, &b.err);
    if (code == 0 && json)
        harrow_json_print(
            json_pack("{s:s, s:s, s:s}", "component", component, "version", version, "environment", environment), 0);
    else if (code == 0)
        printf("%s %s is in %s\n", component, version, environment);
    return end(&b, code, "record-deployment");
}

static const struct option deployment_options[] = {
    BROKER_OPTION, COMPONENT_OPTION, VERSION_OPTION, TO_OPTION, JSON_OPTION, {0},
};

const struct command command_contract_deployment = {
    .name = "record-deployment",
    .summary = "note which version of a component is in an environment now",
    .description = "It takes the place of the version that was there.",
    .examples =
        "  harrow contract record-deployment --broker broker --component notes --version 3f2c1d --to production\n",
    .options = deployment_options,
    .run = deployment_run,
};

/* ---- can-i-deploy ----------------------------------------------------------------------------------------------- */

static const char *shown(const char *text)
{
    return text != NULL ? text : "-";
}

static void print_rows(const struct pact_broker_rows *rows)
{
    static const char *const heads[] = {"consumer", "version", "provider", "version", "answer"};
    size_t widths[5];
    for (size_t i = 0; i < 5; i++)
        widths[i] = strlen(heads[i]);
    for (size_t i = 0; i < rows->items.count; i++) {
        const struct pact_broker_row *r = &rows->items.items[i];
        const char *cells[] = {r->consumer, shown(r->consumer_version), r->provider, shown(r->provider_version),
                               pact_broker_answer_name(r->answer)};
        for (size_t k = 0; k < 5; k++)
            widths[k] = strlen(cells[k]) > widths[k] ? strlen(cells[k]) : widths[k];
    }
    if (rows->items.count > 0)
        printf("%-*s  %-*s  %-*s  %-*s  %-*s  why\n", (int)widths[0], heads[0], (int)widths[1], heads[1],
               (int)widths[2], heads[2], (int)widths[3], heads[3], (int)widths[4], heads[4]);
    for (size_t i = 0; i < rows->items.count; i++) {
        const struct pact_broker_row *r = &rows->items.items[i];
        printf("%-*s  %-*s  %-*s  %-*s  %-*s  %s\n", (int)widths[0], r->consumer, (int)widths[1],
               shown(r->consumer_version), (int)widths[2], r->provider, (int)widths[3], shown(r->provider_version),
               (int)widths[4], pact_broker_answer_name(r->answer), r->why);
    }
    printf("%s: %s %s to %s%s\n", pact_broker_answer_name(rows->answer), component, version, environment,
           rows->items.count == 0 ? ", where nothing there needs it, and it needs nothing" : "");
}

static void print_rows_json(const struct pact_broker_rows *rows)
{
    json_t *list = json_array();
    for (size_t i = 0; i < rows->items.count; i++) {
        const struct pact_broker_row *r = &rows->items.items[i];
        json_build_add(&list,
                       json_pack("{s:s, s:s*, s:s, s:s*, s:s, s:s, s:s*}", "consumer", r->consumer, "consumer_version",
                                 r->consumer_version, "provider", r->provider, "provider_version", r->provider_version,
                                 "answer", pact_broker_answer_name(r->answer), "why", r->why, "pact", r->pact));
    }
    harrow_json_print(json_pack("{s:s, s:s, s:s, s:s, s:o}", "answer", pact_broker_answer_name(rows->answer),
                                "component", component, "version", version, "environment", environment, "rows", list),
                      0);
}

static int can_run(const struct arguments *args)
{
    struct broking b;
    struct pact_broker_rows rows = {.answer = BROKER_NO};
    (void)args;
    if (!said("can-i-deploy", "broker", folder) || !said("can-i-deploy", "component", component) ||
        !said("can-i-deploy", "version", version) || !said("can-i-deploy", "to", environment))
        return HARROW_USAGE;
    int code = begin(&b);
    if (code == 0)
        code = pact_broker_can_deploy(b.broker, component, version, environment, &rows, &b.err);
    if (code == 0 && json)
        print_rows_json(&rows);
    else if (code == 0)
        print_rows(&rows);
    pact_broker_rows_deinit(&rows);
    int exit_code = end(&b, code, "can-i-deploy");
    if (exit_code != 0)
        return exit_code;
    return rows.answer == BROKER_YES ? HARROW_PASSED : rows.answer == BROKER_NO ? HARROW_FAILED : CAN_UNKNOWN;
}

static const struct option can_options[] = {
    BROKER_OPTION, COMPONENT_OPTION, VERSION_OPTION, TO_OPTION, JSON_OPTION, {0},
};

const struct command command_contract_can = {
    .name = "can-i-deploy",
    .summary = "may this version go where the others are? yes, no, or unknown",
    .description =
        "Looks at every pact the version has as a consumer, and every pact with it of consumers that are deployed\n"
        "there. Yes: all of them were verified between the versions that would meet, also when there is none. No:\n"
        "one failed, or the version is not known. Unknown: one was never verified, or a provider is not there.",
    .exit_codes = "  0    yes\n"
                  "  1    no\n"
                  "  2    the command line is wrong\n"
                  "  3    a file could not be read\n"
                  "  4    a record is wrong\n"
                  "  5    unknown\n",
    .examples = "  harrow contract can-i-deploy --broker broker --component notes --version 3f2c1d --to production\n",
    .options = can_options,
    .run = can_run,
};
