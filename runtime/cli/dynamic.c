/* micro SERVICE [ENDPOINT] [--flag=value]...: the endpoints a service registered, as commands. Which endpoint is meant:
 * its full name, else its method's, else its type and method as two words, capitals and dashes not minded; with no
 * word, Call of the type that is called like the service. */
#include "base/json_text.h"
#include "runtime/cli/cli.h"
#include "runtime/cli/flags.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- which endpoint ---- */

/* Equal but for capitals and dashes. */
static bool alike(const char *a, size_t a_len, const char *b, size_t b_len)
{
    size_t i = 0, j = 0;
    for (;;) {
        while (i < a_len && (a[i] == '-' || a[i] == '_'))
            i++;
        while (j < b_len && (b[j] == '-' || b[j] == '_'))
            j++;
        if (i == a_len || j == b_len)
            return i == a_len && j == b_len;
        if (tolower((unsigned char)a[i++]) != tolower((unsigned char)b[j++]))
            return false;
    }
}

static bool alike_text(const char *a, const char *b)
{
    return alike(a, strlen(a), b, strlen(b));
}

/* "Helloworld" of "Helloworld.Call". */
static size_t type_len(const char *endpoint)
{
    const char *dot = strrchr(endpoint, '.');
    return dot ? (size_t)(dot - endpoint) : 0;
}

static bool is_method(const char *endpoint, const char *method)
{
    size_t skip = type_len(endpoint);
    return alike_text(skip ? endpoint + skip + 1 : endpoint, method);
}

/* "c" of the service "a.b.c". */
static const char *last_part(const char *service)
{
    const char *dot = strrchr(service, '.');
    return dot ? dot + 1 : service;
}

static const json_t *with_method(const json_t *endpoints, const char *service, const char *type, const char *method)
{
    const json_t *endpoint, *found = NULL;
    size_t i, others = 0;
    json_array_foreach(endpoints, i, endpoint)
    {
        const char *name = cli_text(endpoint, "name");
        if (!is_method(name, method) || (type && !alike(name, type_len(name), type, strlen(type))))
            continue;
        const char *own = last_part(service);
        if (alike(name, type_len(name), own, strlen(own)))
            return endpoint;
        found = endpoint;
        others++;
    }
    return others == 1 ? found : NULL; /* of several types none is meant more than another */
}

/* *used: how many words told it. */
static const json_t *pick(const json_t *endpoints, const char *service, int argc, char **argv, int *used)
{
    const json_t *endpoint;
    size_t i;
    int words = 0;
    while (words < 2 && words < argc && argv[words][0] != '-')
        words++;
    *used = words > 0;
    if (words == 0) {
        endpoint = with_method(endpoints, service, NULL, "Call");
        return endpoint ? endpoint : json_array_size(endpoints) == 1 ? json_array_get(endpoints, 0) : NULL;
    }
    json_array_foreach(endpoints, i, endpoint)
    {
        if (alike_text(cli_text(endpoint, "name"), argv[0]))
            return endpoint;
    }
    endpoint = with_method(endpoints, service, NULL, argv[0]);
    if (!endpoint && words == 2) {
        *used = 2;
        endpoint = with_method(endpoints, service, argv[0], argv[1]);
    }
    return endpoint;
}

/* ---- help ---- */

static void print_flag(void *arg, const char *name, const char *type)
{
    (void)arg;
    printf("    --%-24s %s\n", name, type);
}

static void print_endpoint(const json_t *endpoint)
{
    bool stream = strcmp(cli_text(json_object_get(endpoint, "metadata"), "stream"), "true") == 0;
    printf("  %s%s\n", cli_text(endpoint, "name"), stream ? " (streams)" : "");
    flags_each(json_object_get(endpoint, "request"), print_flag, NULL);
}

static void print_help(const char *service, const json_t *version, const json_t *only)
{
    const json_t *endpoint;
    size_t i;
    printf("%s, version %s\n\nUsage: micro %s [ENDPOINT] [--FLAG=VALUE]...\n\nEndpoints and their flags:\n", service,
           cli_text(version, "version"), service);
    json_array_foreach(json_object_get(version, "endpoints"), i, endpoint)
    {
        if (!only || only == endpoint)
            print_endpoint(endpoint);
    }
    printf("\nLists are joined by commas or given several times; maps are key=value. Options of micro itself stand\n"
           "before the service: micro --namespace NAME %s ...\n",
           service);
}

/* ---- the call ---- */

static void print_answer(void *arg, struct bytes json)
{
    int *code = arg;
    if (*code == CLI_OK)
        *code = cli_print_json(json);
    cli_flush();
}

static int no_endpoint(const char *service, const char *word, const json_t *endpoints)
{
    struct text names = TEXT_INIT;
    const json_t *endpoint;
    size_t i;
    json_array_foreach(endpoints, i, endpoint)
    {
        text_printf(&names, "%s%s", i ? ", " : "", cli_text(endpoint, "name"));
    }
    int code = word ? cli_fail(CLI_NO_METHOD, "method not found: %s has no endpoint %s; there are: %s", service, word,
                               text_string(&names))
                    : cli_fail(CLI_NO_METHOD, "an endpoint is needed: micro %s ENDPOINT; there are: %s", service,
                               text_string(&names));
    text_deinit(&names);
    return code;
}

static int call(struct cli *c, const char *service, const json_t *endpoint, int argc, char **argv)
{
    struct error err = ERROR_INIT;
    json_t *request = NULL;
    int bad = CLI_OK, code;
    if (flags_request(json_object_get(endpoint, "request"), argc, (const char *const *)argv, &request, &err) != 0) {
        code = cli_fail_error(err.code == ERROR_MEMORY ? CLI_TIMEOUT : EXIT_USAGE, &err);
        error_clear(&err);
        return code;
    }
    char *json = json_text_of(request, 0);
    const struct cli_call what = {
        .service = service,
        .endpoint = cli_text(endpoint, "name"),
        .json = json,
        .message = print_answer,
        .arg = &bad,
    };
    code = json ? cli_call(c, &what) : cli_no_memory();
    free(json);
    json_decref(request);
    return code == CLI_OK ? bad : code;
}

/* The version that has most to say: the first one whose nodes tell their endpoints. */
static const json_t *choose_version(const json_t *services)
{
    const json_t *version;
    size_t i;
    json_array_foreach(services, i, version)
    {
        if (json_array_size(json_object_get(version, "endpoints")) > 0)
            return version;
    }
    return json_array_get(services, 0);
}

/* Whether routes lead to it: then a peer of the network has it, for our registry knows nothing of it. */
static bool is_at_peer(struct cli *c, const char *service)
{
    json_t *reply = NULL, *name;
    size_t i;
    bool found = false;
    (void)cli_call_json(c, "network", "Network.Services", json_object(), &reply);
    json_array_foreach(json_object_get(reply, "services"), i, name)
    {
        found = found || (json_is_string(name) && strcmp(json_string_value(name), service) == 0);
    }
    json_decref(reply);
    return found;
}

/* What the runtime says of a service of that name that has not registered: "building". "": it runs none. */
static void find_status(struct cli *c, const char *service, char *out, size_t size)
{
    json_t *reply = NULL, *found;
    size_t i;
    out[0] = '\0';
    (void)cli_call_json(c, "runtime", "Runtime.Read",
                        json_pack("{s{ssss}}", "options", "service", service, "namespace", c->namespace), &reply);
    json_array_foreach(json_object_get(reply, "services"), i, found)
    {
        const char *status = cli_text(json_object_get(found, "metadata"), "status");
        if (strcmp(cli_text(found, "name"), service) == 0)
            snprintf(out, size, "%s", status[0] ? status : "not up");
    }
    json_decref(reply);
}

int command_dynamic(struct cli *c, int argc, char **argv, bool *known)
{
    const char *service = argv[0];
    json_t *reply = NULL;
    *known = false;
    int code = cli_find_service(c, service, &reply);
    if (code == CLI_NOT_FOUND && !cli_quiet_words()[0]) {
        char status[60];
        cli_quiet(true);
        bool at_peer = is_at_peer(c, service);
        find_status(c, service, status, sizeof status);
        cli_quiet(false);
        *known = at_peer || status[0];
        if (!at_peer && status[0])
            return cli_fail(CLI_NOT_FOUND, "%s is not registered, it is %s; see: micro status %s, micro logs %s",
                            service, status, service, service);
        return at_peer ? cli_fail(CLI_NO_METHOD,
                                  "%s runs at a peer of the network, and only the peer's registry knows its flags; "
                                  "call it by: micro call %s ENDPOINT JSON",
                                  service, service)
                       : code;
    }
    if (code == CLI_NOT_FOUND || code == CLI_UNAUTHORIZED) /* the word is more likely mistyped */
        return code;
    *known = true;
    const json_t *version = choose_version(json_object_get(reply, "services"));
    const json_t *endpoints = json_object_get(version, "endpoints");
    int used = 0;
    bool help = false;
    for (int i = 1; i < argc; i++)
        help = help || strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0;
    const json_t *endpoint = code == CLI_OK ? pick(endpoints, service, argc - 1, argv + 1, &used) : NULL;
    if (code == CLI_OK && help)
        print_help(service, version, used ? endpoint : NULL);
    else if (code == CLI_OK && !endpoint)
        code = no_endpoint(service, used ? argv[1] : NULL, endpoints);
    else if (code == CLI_OK)
        code = call(c, service, endpoint, argc - 1 - used, argv + 1 + used);
    json_decref(reply);
    return code;
}
