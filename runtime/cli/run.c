/* micro run, update, kill: services of one's own, from their source to the runtime and out of it again. */
#include "base/base64.h"
#include "base/json_build.h"
#include "base/units.h"
#include "base/words.h"
#include "runtime/cli/source.h"
#include "world/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UPLOAD_PIECE ((size_t)256 << 10) /* bytes of source in one message */

static struct {
    const char *name, *version, *source, *image, *command, *args, *type;
    struct option_list env, metadata;
    const char *watch_delay;
    int64_t instances, delay; /* of --watch, in ns */
    bool watch, force;
} flags;

/* ---- uploading ---- */

struct upload {
    const char *name, *version;
    struct bytes left;
    bool begun;
};

static bool next_piece(void *arg, struct text *json)
{
    struct upload *u = arg;
    if (u->begun && u->left.len == 0)
        return false;
    size_t len = u->left.len < UPLOAD_PIECE ? u->left.len : UPLOAD_PIECE;
    text_puts(json, "{");
    if (!u->begun) {
        text_puts(json, "\"service\":{\"name\":\"");
        text_json(json, u->name, strlen(u->name));
        text_puts(json, "\",\"version\":\"");
        text_json(json, u->version, strlen(u->version));
        text_puts(json, "\"},");
    }
    text_puts(json, "\"data\":\"");
    base64_encode(json, BYTES(u->left.data, len));
    text_puts(json, "\"}");
    u->left = BYTES(u->left.data + len, u->left.len - len);
    u->begun = true;
    return true;
}

/* The id to run it by, "source://name:version". */
static int upload(struct cli *c, const char *name, const char *version, const struct source *s, struct text *id)
{
    struct text archive = TEXT_INIT;
    int code = source_pack(c, s, &archive);
    struct upload u = {.name = name, .version = version, .left = text_bytes(&archive)};
    const struct cli_call call = {
        .service = "runtime", .endpoint = "Source.Upload", .feed = next_piece, .feed_arg = &u};
    json_t *reply = NULL;
    if (code == CLI_OK)
        code = cli_call_value(c, &call, &reply);
    if (code == CLI_OK) {
        text_puts(id, cli_text(reply, "id"));
        if (id->len == 0)
            code = cli_fail(CLI_MALFORMED, "malformed response from runtime Source.Upload");
    }
    json_decref(reply);
    text_deinit(&archive);
    return code;
}

/* ---- requests ---- */

static int add_words(json_t *options, const char *key, const char *line)
{
    struct arena arena = ARENA_INIT;
    struct error err = ERROR_INIT;
    char **words = NULL;
    size_t count = 0;
    if (!line || !line[0])
        return CLI_OK;
    int code = CLI_OK;
    if (words_split(line, &arena, &words, &count, &err) != 0) {
        error_wrap(&err, "--%s", key);
        code = cli_fail_error(EXIT_USAGE, &err);
    }
    json_t *list = json_array();
    for (size_t i = 0; code == CLI_OK && i < count; i++)
        if (json_array_append_new(list, json_string(words[i])) != 0)
            code = cli_fail(CLI_MALFORMED, "--%s is not UTF-8", key);
    if (json_object_set_new(options, key, list) != 0 && code == CLI_OK)
        code = cli_no_memory();
    error_clear(&err);
    arena_deinit(&arena);
    return code;
}

static void add_text(json_t **object, const char *key, const char *value)
{
    if (value && value[0])
        json_build_set(object, key, json_string(value));
}

/* How a service is to be started, for Create. */
static int create_options(const struct cli *c, json_t **out)
{
    json_t *options = json_pack("{ss sI sb}", "namespace", c->namespace, "instances", (json_int_t)flags.instances,
                                "force", (int)flags.force);
    json_t *env = NULL;
    int code = cli_parse_pairs(&flags.env, "variable", &env);
    json_decref(env); /* they were only looked at: the runtime takes NAME=value */
    if (code == CLI_OK)
        code = add_words(options, "command", flags.command);
    if (code == CLI_OK)
        code = add_words(options, "args", flags.args);
    if (flags.env.count > 0) {
        json_t *list = json_array();
        for (size_t i = 0; i < flags.env.count; i++)
            json_build_add(&list, json_string(flags.env.items[i]));
        json_build_set(&options, "env", list);
    }
    add_text(&options, "image", flags.image);
    add_text(&options, "type", flags.type);
    *out = options;
    return code;
}

static json_t *resource(const char *name, const char *version, const char *source, json_t *metadata)
{
    json_t *service = json_pack("{ss ss}", "name", name, "version", version);
    add_text(&service, "source", source);
    if (metadata)
        json_build_set(&service, "metadata", metadata);
    return json_pack("{s{so}}", "resource", "service", service);
}

static int create(struct cli *c, const char *name, const char *version, const char *source)
{
    json_t *options = NULL, *metadata = NULL, *reply = NULL;
    int code = create_options(c, &options);
    if (code == CLI_OK)
        code = cli_parse_pairs(&flags.metadata, "metadata", &metadata);
    if (code == CLI_OK) {
        json_t *request = resource(name, version, source, metadata);
        json_build_set(&request, "options", json_incref(options));
        code = cli_call_slow(c, "runtime", "Runtime.Create", request, false, &reply);
    }
    json_decref(reply);
    json_decref(options);
    return code;
}

static int update(struct cli *c, const char *name, const char *version, const char *source)
{
    json_t *reply = NULL, *metadata = NULL;
    int code = flags.metadata.count > 0 ? cli_parse_pairs(&flags.metadata, "metadata", &metadata) : CLI_OK;
    if (code != CLI_OK)
        return code;
    json_t *request = resource(name, version, source, metadata);
    json_t *options = json_pack("{ss}", "namespace", c->namespace);
    if (flags.instances)
        json_build_set(&options, "instances", json_integer(flags.instances));
    json_build_set(&request, "options", options);
    code = cli_call_slow(c, "runtime", "Runtime.Update", request, false, &reply);
    json_decref(reply);
    return code;
}

/* ---- the commands ---- */

/* Flags before what the source says. */
static int choose_name(const struct source *s, const char **name, const char **version)
{
    *name = flags.name && flags.name[0] ? flags.name : s->name;
    *version = flags.version && flags.version[0] ? flags.version : s->version;
    return (*name)[0] ? CLI_OK : cli_fail(CLI_MALFORMED, "the folder's name is not a service's name: use --name NAME");
}

/* Builds it anew whenever its files have changed and then lain still for one look. */
static int watch(struct cli *c, const struct source *s, const char *name, const char *version)
{
    uint64_t running, seen, now;
    int code = source_print(c, s, &running);
    seen = running;
    while (code == CLI_OK) {
        struct text id = TEXT_INIT;
        (void)world_sleep(c->world, (uint64_t)flags.delay);
        code = source_print(c, s, &now);
        bool still = now == seen;
        seen = now;
        if (code != CLI_OK || !still || now == running)
            continue;
        running = now;
        fprintf(stderr, "%s changed: updating\n", name);
        /* What does not build yet is no reason to end: the next change may mend it. */
        if (upload(c, name, version, s, &id) == CLI_OK)
            (void)update(c, name, version, text_string(&id));
        text_deinit(&id);
    }
    return code;
}

/* v3's is a number of milliseconds; a duration is taken as well. */
static int read_delay(void)
{
    const char *text = flags.watch_delay;
    struct error err = ERROR_INIT;
    int64_t milliseconds = 0;
    int rc = text[0] && text[strspn(text, "0123456789")] == '\0'
                 ? units_parse_integer(text, 1, 24 * 3600 * 1000, &milliseconds, &err)
                 : units_parse_duration(text, &flags.delay, &err);
    if (rc == 0 && milliseconds > 0)
        flags.delay = milliseconds * MILLISECOND;
    if (rc == 0 && flags.delay <= 0)
        rc = error_set(&err, ERROR_INVALID, "it must be more than 0");
    if (rc < 0)
        error_wrap(&err, "--watch_delay");
    int code = rc < 0 ? cli_fail_error(EXIT_USAGE, &err) : CLI_OK;
    error_clear(&err);
    return code;
}

/* What is run or updated: --source, else the word. */
static int read_source(const struct arguments *args, const char **out)
{
    bool option = flags.source && flags.source[0];
    *out = option ? flags.source : args->argc > 0 ? args->argv[0] : NULL;
    return *out ? read_delay() : cli_fail(EXIT_USAGE, "what is it? Expected SOURCE, or --source SOURCE");
}

int command_run(const struct arguments *args)
{
    struct cli *c = cli_of(args);
    struct source s;
    struct text id = TEXT_INIT;
    const char *name, *version, *what;
    int code = read_source(args, &what);
    if (code != CLI_OK)
        return code;
    code = source_open(c, what, &s);
    if (code != CLI_OK)
        return code;
    if (flags.watch && s.checkout[0])
        code = cli_fail(EXIT_USAGE, "--watch is for local folders");
    if (code == CLI_OK)
        code = choose_name(&s, &name, &version);
    if (code == CLI_OK)
        code = upload(c, name, version, &s, &id);
    if (code == CLI_OK)
        code = create(c, name, version, text_string(&id));
    if (code == CLI_OK && flags.watch)
        code = watch(c, &s, name, version);
    text_deinit(&id);
    source_close(c, &s);
    return code;
}

int command_update(const struct arguments *args)
{
    struct cli *c = cli_of(args);
    struct text id = TEXT_INIT;
    const char *what, *name = NULL, *version = NULL;
    char own_name[SOURCE_NAME_MAX], own_version[SOURCE_NAME_MAX];
    struct source s = {.name = ""};
    int code = read_source(args, &what);
    if (code != CLI_OK)
        return code;
    if (source_is(c, what)) {
        code = source_open(c, what, &s);
        if (code == CLI_OK && flags.watch && s.checkout[0])
            code = cli_fail(EXIT_USAGE, "--watch is for local folders");
        if (code == CLI_OK)
            code = choose_name(&s, &name, &version);
        if (code == CLI_OK)
            code = upload(c, name, version, &s, &id);
    } else { /* by its name: from the source the runtime has */
        code = flags.watch ? cli_fail(EXIT_USAGE, "--watch is for local folders")
                           : source_name(what, own_name, own_version);
        name = flags.name && flags.name[0] ? flags.name : own_name;
        version = flags.version && flags.version[0] ? flags.version : own_version;
    }
    if (code == CLI_OK)
        code = update(c, name, version, text_string(&id));
    if (code == CLI_OK && flags.watch)
        code = watch(c, &s, name, version);
    text_deinit(&id);
    source_close(c, &s);
    return code;
}

int command_kill(const struct arguments *args)
{
    struct cli *c = cli_of(args);
    char name[SOURCE_NAME_MAX], version[SOURCE_NAME_MAX];
    json_t *reply = NULL;
    const char *what = args->argc > 0 ? args->argv[0] : flags.name;
    if (!what || !what[0])
        return cli_fail(EXIT_USAGE, "which one? Expected NAME, or --name NAME");
    int code = source_name(what, name, version);
    if (code != CLI_OK)
        return code;
    json_t *request = resource(flags.name && flags.name[0] ? flags.name : name,
                               flags.version && flags.version[0] ? flags.version : version, NULL, NULL);
    json_build_set(&request, "options", json_pack("{ss}", "namespace", c->namespace));
    code = cli_call_slow(c, "runtime", "Runtime.Delete", request, false, &reply);
    json_decref(reply);
    return code;
}

/* ---- their options ---- */

#define NAME                                                                                                           \
    {                                                                                                                  \
        .name = "name", .kind = OPTION_TEXT, .target = &flags.name, .argument = "NAME",                                \
        .help = "the service's name; the folder's when absent"                                                         \
    }
#define VERSION                                                                                                        \
    {                                                                                                                  \
        .name = "version", .kind = OPTION_TEXT, .target = &flags.version, .argument = "VERSION",                       \
        .help = "its version; the branch, else \"latest\", when absent"                                                \
    }
#define INSTANCES(fallback_)                                                                                           \
    {                                                                                                                  \
        .name = "instances", .letter = 'i', .kind = OPTION_INTEGER, .target = &flags.instances, .argument = "N",       \
        .help = "how many processes of it", .fallback = fallback_, .min = 0, .max = 1000                               \
    }

#define SOURCE(help_)                                                                                                  \
    {                                                                                                                  \
        .name = "source", .kind = OPTION_TEXT, .target = &flags.source, .argument = "SOURCE", .help = help_            \
    }
#define METADATA(help_)                                                                                                \
    {                                                                                                                  \
        .name = "metadata", .letter = 'm', .kind = OPTION_LIST, .target = &flags.metadata, .argument = "KEY=VALUE",    \
        .help = help_                                                                                                  \
    }
#define WATCH                                                                                                          \
    {.name = "watch",                                                                                                  \
     .letter = 'w',                                                                                                    \
     .kind = OPTION_FLAG,                                                                                              \
     .target = &flags.watch,                                                                                           \
     .help = "update it whenever a file changes"},                                                                     \
    {                                                                                                                  \
        .name = "watch_delay", .kind = OPTION_TEXT, .target = &flags.watch_delay, .argument = "DURATION",              \
        .help = "time between two looks at the files; a bare number is milliseconds", .fallback = "1000"               \
    }

const struct option run_options[] = {
    NAME,
    VERSION,
    SOURCE("run this instead of SOURCE"),
    {.name = "image", .kind = OPTION_TEXT, .target = &flags.image, .argument = "IMAGE", .help = "image to run it in"},
    {.name = "command",
     .kind = OPTION_TEXT,
     .target = &flags.command,
     .argument = "WORDS",
     .help = "what to run instead of what the source says"},
    {.name = "args",
     .kind = OPTION_TEXT,
     .target = &flags.args,
     .argument = "WORDS",
     .help = "arguments of the service's program"},
    {.name = "type", .kind = OPTION_TEXT, .target = &flags.type, .argument = "TYPE", .help = "kind of service"},
    {.name = "env_vars",
     .kind = OPTION_LIST,
     .target = &flags.env,
     .argument = "NAME=VALUE",
     .help = "a variable of its environment; may be given several times"},
    INSTANCES("1"),
    METADATA("kept with the service; may be given several times"),
    {.name = "force", .letter = 'f', .kind = OPTION_FLAG, .target = &flags.force, .help = "replace the one that runs"},
    WATCH,
    {.name = NULL},
};
/* The rest of run's options cannot be updated: run --force starts it anew with them. */
const struct option update_options[] = {NAME,
                                        VERSION,
                                        SOURCE("update it from this instead of SOURCE"),
                                        METADATA("takes the place of what is kept with it"),
                                        WATCH,
                                        INSTANCES("0"),
                                        {.name = NULL}};
const struct option kill_options[] = {NAME, VERSION, {.name = NULL}};
