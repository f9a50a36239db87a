/* A command: a program started with its arguments, no shell between. What came back is its exit code and what it wrote.
 *
 * The environment is the harness's, with what the flow and the step add. A command that outlives its time is killed
 * with everything it started. */
#include "base/units.h"
#include "base/words.h"
#include "e2e/kind.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define OUTPUT_MAX    ((size_t)4 << 20) /* bytes kept of each of stdout and stderr; the rest is cut */
#define ARGUMENTS_MAX 256
#define VARIABLES_MAX 64
#define EXIT_SIGNAL   128 /* a command killed by signal n exits with this plus n, as in a shell */

struct running {
    struct text out[2]; /* stdout, stderr */
    struct world_exit status;
    bool done;
};

static void on_output(void *arg, int fd, struct bytes line)
{
    struct running *r = arg;
    struct text *to = &r->out[fd == 2];
    if (to->len + line.len + 1 > OUTPUT_MAX)
        return;
    text_add(to, line.data, line.len);
    text_char(to, '\n');
}

static void on_exit_status(void *arg, struct world_exit status)
{
    struct running *r = arg;
    r->status = status;
    r->done = true;
}

static bool is_done(void *arg)
{
    return ((const struct running *)arg)->done;
}

/* One that goes on beside the steps behind it, until the flow ends. */
struct background {
    struct background *next;
    struct world_process *process;
    struct running running;
};

void commands_close(struct flow_context *x)
{
    while (x->run->commands != NULL) {
        struct background *b = x->run->commands;
        x->run->commands = b->next;
        if (!b->running.done) {
            (void)world_process_signal(b->process, SIGKILL);
            (void)flow_wait(x, is_done, &b->running, (uint64_t)SECOND);
        }
        world_process_close(b->process);
        text_deinit(&b->running.out[0]);
        text_deinit(&b->running.out[1]);
        free(b);
    }
}

/* ---- the command line and the environment, expanded; lists of owned texts that end with NULL ---- */

struct strings {
    char *items[ARGUMENTS_MAX + 1];
    size_t count;
};

static void strings_deinit(struct strings *s)
{
    for (size_t i = 0; i < s->count; i++)
        free(s->items[i]);
}

static int add_argument(struct flow_context *x, const struct node *n, struct strings *argv)
{
    if (argv->count == ARGUMENTS_MAX)
        return flow_wrong(x, n, ERROR_LIMIT, "more than %d arguments", ARGUMENTS_MAX);
    char *word = expand_text(x, n);
    if (word == NULL)
        return x->error.code;
    argv->items[argv->count++] = word;
    return 0;
}

/* Where a variable of that name stands, or would be put. */
static size_t place_of(const struct strings *environment, const char *name)
{
    size_t len = strlen(name), i = 0;
    while (i < environment->count &&
           (strncmp(environment->items[i], name, len) != 0 || environment->items[i][len] != '='))
        i++;
    return i;
}

/* What is added later wins: a step's variables over the flow's. */
static int add_variables(struct flow_context *x, const struct node *map, struct strings *environment)
{
    for (size_t i = 0; map != NULL && i < map->map.count; i++) {
        struct text pair = TEXT_INIT;
        char *value = expand_text(x, &map->map.pairs[i].value);
        if (value == NULL)
            return x->error.code;
        text_printf(&pair, "%s=%s", map->map.pairs[i].key, value);
        free(value);
        size_t place = place_of(environment, map->map.pairs[i].key);
        if (place == VARIABLES_MAX) {
            text_deinit(&pair);
            return flow_wrong(x, map, ERROR_LIMIT, "more than %d variables", VARIABLES_MAX);
        }
        char *taken = text_take(&pair);
        if (taken == NULL)
            return flow_memory(x);
        if (place == environment->count)
            environment->count++;
        else
            free(environment->items[place]);
        environment->items[place] = taken;
    }
    return 0;
}

/* ---- running ---- */

static int wait_for(struct flow_context *x, const struct node *step, struct world_process *process, struct running *r)
{
    char limit[64];
    uint64_t timeout = step_timeout(x, step), now = world_now(x->target->world);
    if (x->tries_end != 0 && x->tries_end < now + timeout) /* later it could not pass any more */
        timeout = x->tries_end > now ? x->tries_end - now : 1;
    int code = flow_wait(x, is_done, r, timeout);
    if (code == ERROR_TIMEOUT) {
        units_format_duration((int64_t)timeout, limit, sizeof limit);
        error_set(&x->error, code, "the command did not end within %s and was killed", limit);
    } else if (code != 0) {
        error_set(&x->error, code, "%s", code == ERROR_CANCELLED ? "interrupted" : error_code_name(code));
    }
    if (code != 0) {
        (void)world_process_signal(process, SIGKILL);
        (void)flow_wait(x, is_done, r, (uint64_t)SECOND);
    }
    return code;
}

/* Without the last newline, so that "stdout: hello" is what one writes. */
static json_t *shown(struct text *output)
{
    if (output->len > 0 && output->data[output->len - 1] == '\n')
        text_truncate(output, output->len - 1);
    return text_ok(output) ? value_of_bytes(text_bytes(output)) : NULL;
}

static int set_answer(struct flow_context *x, struct running *r, uint64_t started)
{
    json_t *parsed = value_of_body(text_bytes(&r->out[0])); /* for captures and expectations, when it is JSON */
    if (!json_is_object(parsed) && !json_is_array(parsed)) {
        json_decref(parsed);
        parsed = json_null();
    }
    double seconds = (double)(world_now(x->target->world) - started) / (double)SECOND;
    int status = r->status.signalled ? EXIT_SIGNAL + r->status.code : r->status.code;
    json_t *output = value_of_bytes(text_bytes(&r->out[0])), *errors = value_of_bytes(text_bytes(&r->out[1]));
    x->answer = json_pack("{s:i, s:o, s:o, s:o, s:f, s:o, s:o}", "exit", status, "stdout", shown(&r->out[0]), "stderr",
                          shown(&r->out[1]), "body", parsed, "duration", seconds, "output", output, "errors", errors);
    return x->answer != NULL ? 0 : flow_memory(x);
}

static int start_command(struct flow_context *x, const struct node *step, const struct world_spawn *spawn,
                         struct running *r, struct world_process **process)
{
    static const struct world_process_events events = {.output = on_output, .exited = on_exit_status};
    struct error why = ERROR_INIT;
    int code = world_process_spawn(x->target->world, spawn, &events, r, process, &why);
    if (code != 0)
        flow_wrong(x, node_get(step, "run"), code, "%s", why.message != NULL ? why.message : error_code_name(code));
    error_clear(&why);
    return code;
}

/* Nothing came back yet, and nothing will be told. */
static int run_beside(struct flow_context *x, const struct node *step, const struct world_spawn *spawn)
{
    struct background *b = calloc(1, sizeof *b);
    if (b == NULL)
        return flow_memory(x);
    int code = start_command(x, step, spawn, &b->running, &b->process);
    if (code != 0) {
        if (b->process != NULL)
            world_process_close(b->process);
        free(b);
        return code;
    }
    b->next = x->run->commands;
    x->run->commands = b;
    x->answer = json_pack("{s:n, s:n, s:n, s:n, s:f, s:n, s:n}", "exit", "stdout", "stderr", "body", "duration", 0.0,
                          "output", "errors");
    return x->answer != NULL ? 0 : flow_memory(x);
}

static int run_command(struct flow_context *x, const struct node *step, const struct strings *argv,
                       const struct strings *environment, const char *directory)
{
    struct running r = {.out = {TEXT_INIT, TEXT_INIT}};
    struct world_process *process = NULL;
    uint64_t started = world_now(x->target->world);
    bool beside = false;
    const struct world_spawn spawn = {.name = argv->items[0],
                                      .argv = (const char *const *)argv->items,
                                      .environment = (const char *const *)environment->items,
                                      .directory = directory};
    node_may_bool(step, "background", &beside, NULL);
    if (beside)
        return run_beside(x, step, &spawn);
    int code = start_command(x, step, &spawn, &r, &process);
    if (code == 0)
        code = wait_for(x, step, process, &r);
    if (r.done || code == 0)
        (void)(code == 0 ? code = set_answer(x, &r, started) : set_answer(x, &r, started));
    if (process != NULL)
        world_process_close(process);
    text_deinit(&r.out[0]);
    text_deinit(&r.out[1]);
    return code;
}

static int run(struct flow_context *x, const struct node *step)
{
    const struct node *run = node_get(step, "run"), *where = node_get(step, "directory");
    struct strings argv = {0}, environment = {0};
    char *directory = NULL;
    int code = 0;
    for (size_t i = 0; i < run->list.count && code == 0; i++)
        code = add_argument(x, &run->list.items[i], &argv);
    for (size_t i = 0; i < argv.count; i++)
        words_add(&x->sent, argv.items[i]);
    if (code == 0)
        code = add_variables(x, space_environment(x), &environment);
    if (code == 0)
        code = add_variables(x, x->flow->environment, &environment);
    if (code == 0)
        code = add_variables(x, node_get(step, "environment"), &environment);
    if (code == 0 && where != NULL && (directory = expand_text(x, where)) == NULL)
        code = x->error.code;
    if (code == 0)
        code = run_command(x, step, &argv, &environment, directory);
    free(directory);
    strings_deinit(&argv);
    strings_deinit(&environment);
    return code;
}

/* ---- the kind ---- */

/* A command that says nothing of its end is meant to succeed. */
static void judge(struct flow_context *x, const struct node *step)
{
    const struct node *expect = node_get(step, "expect");
    json_int_t status = json_integer_value(json_object_get(x->answer, "exit"));
    if (json_is_null(json_object_get(x->answer, "exit"))) /* it goes on */
        return;
    if ((expect == NULL || node_get(expect, "exit") == NULL) && status != 0)
        node_error(node_get(step, "run"), &x->error, ERROR_INVALID, "expected exit code 0, got %lld: %s",
                   (long long)status, json_string_value(json_object_get(x->answer, "stderr")));
}

/* A list of texts becomes arguments; nothing is split and no shell looks at it. */
static int check(const struct flow *f, const struct node *step, const struct node *run, struct error *err)
{
    bool beside = false;
    (void)f;
    node_may_bool(step, "background", &beside, NULL);
    if (beside && (node_get(step, "timeout") != NULL || node_get(step, "within") != NULL))
        return node_error(step, err, ERROR_INVALID,
                          "a command with \"background\" has no \"timeout\" and no \"within\": nobody waits for it");
    if (run->kind != NODE_LIST || run->list.count == 0)
        return node_error(run, err, ERROR_INVALID, "\"run\" is a list, the program and its arguments: [git, init]");
    for (size_t i = 0; i < run->list.count; i++)
        if (run->list.items[i].kind == NODE_MAP || run->list.items[i].kind == NODE_LIST)
            return node_error(&run->list.items[i], err, ERROR_INVALID, "an argument is a text");
    return 0;
}

static const struct step_key keys[] = {
    {"environment", SHAPE_MAP, "variables added to the harness's own"},
    {"directory", SHAPE_ANY, "where it runs"},
    {"background", SHAPE_FLAG, "true: nobody waits for it; it is killed when the flow ends"},
    {"within", SHAPE_DURATION, "try again until the expectations hold or this time is over"},
    {"timeout", SHAPE_DURATION, "how long it may take; then it is killed"},
    {"expect", SHAPE_ANSWER, "members of what came back"},
    {"capture", SHAPE_CAPTURES, "variables from what came back, by path"},
    {"check", SHAPE_CHECKS, "queries of what came back, and what is expected of them"},
    {0},
};
static const struct step_key answer[] = {
    {"exit", SHAPE_EXPECTED, "the exit code; 128 and the number of a signal"},
    {"stdout", SHAPE_EXPECTED, "without the last newline"},
    {"stderr", SHAPE_EXPECTED, "without the last newline"},
    {"output", SHAPE_EXPECTED, "standard output as it came"},
    {"errors", SHAPE_EXPECTED, "standard error as it came"},
    {"body", SHAPE_EXPECTED, "standard output as JSON"},
    {"duration", SHAPE_EXPECTED, "seconds"},
    {0},
};
const struct step_kind kind_run = {
    .name = "run",
    .about = "A command: the program and its arguments, without a shell",
    .shape = SHAPE_ANY,
    .keys = keys,
    .answer = answer,
    .check = check,
    .run = run,
    .judge = judge,
    .processes = true,
};
