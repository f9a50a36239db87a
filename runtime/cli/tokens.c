/* Who we are logged in as. <home>/tokens, mode 600, has a line for each login:
 *     micro://<environment>/<namespace>/<id>:<base64 of the token's JSON>
 * The environment is its name, "local@<data directory, percent-encoded>", or "@<address>" for one that was only given
 * by --proxy_address: no name has "@" in it. So a login outlives a server's change of ports, and two data directories
 * do not share one. The last line for an environment and a namespace is the current one. An environment that is
 * removed, or moved to another address, loses its logins. */
#include "runtime/cli/cli.h"

#include "base/base64.h"
#include "base/json_text.h"
#include "base/units.h"
#include "runtime/component.h"
#include "world/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOKENS_MAX    ((size_t)4 << 20) /* bytes of the file */
#define REFRESH_EARLY 60                /* seconds before its expiry that a token is exchanged */

static int tokens_path(struct cli *c, char out[CLI_PATH_MAX + 16])
{
    snprintf(out, CLI_PATH_MAX + 16, "%s/tokens", c->home);
    return CLI_OK;
}

static int tokens_read(struct cli *c, struct text *out)
{
    char path[CLI_PATH_MAX + 16];
    tokens_path(c, path);
    int rc = world_read_file(c->world, path, TOKENS_MAX, out, NULL);
    if (rc < 0 && rc != ERROR_NOT_FOUND)
        return cli_fail(CLI_TIMEOUT, "cannot read %s: %s", path, error_code_name(rc));
    if (rc < 0)
        text_clear(out);
    return CLI_OK;
}

static int tokens_write(struct cli *c, const struct text *content)
{
    char path[CLI_PATH_MAX + 16];
    struct error err = ERROR_INIT;
    tokens_path(c, path);
    int rc = world_make_directory(c->world, c->home);
    if (rc < 0)
        error_set(&err, rc, "cannot make the directory %s: %s", c->home, error_code_name(rc));
    else
        rc = world_write_file(c->world, path, text_bytes(content), true, &err);
    int code = rc < 0 ? cli_fail_error(CLI_TIMEOUT, &err) : CLI_OK;
    error_clear(&err);
    return code;
}

/* "micro://staging/micro/": what our lines begin with. */
static int our_prefix(struct cli *c, const char *namespace, struct text *out)
{
    text_printf(out, "micro://%s/%s/", c->login, namespace);
    return text_ok(out) ? CLI_OK : cli_no_memory();
}

static bool begins_with(const char *line, size_t len, const struct text *prefix)
{
    return len > prefix->len && memcmp(line, prefix->data, prefix->len) == 0;
}

/* Copies all lines but ours; the last of ours goes to `ours`. */
static void split(const struct text *content, const struct text *prefix, struct text *others, struct text *ours)
{
    for (const char *line = text_string(content); *line;) {
        size_t len = strcspn(line, "\n");
        struct text *to = begins_with(line, len, prefix) ? ours : others;
        if (to == ours)
            text_clear(ours);
        text_add(to, line, len);
        if (to == others && len > 0)
            text_char(to, '\n');
        line += len + (line[len] == '\n');
    }
}

/* The token in a line "micro://.../id:<base64>", a new reference; the id goes to `id`. */
static json_t *parse_line(const struct text *line, const struct text *prefix, struct text *id)
{
    const char *text = text_string(line), *colon = strrchr(text, ':');
    struct text json = TEXT_INIT;
    json_t *token = NULL;
    if (colon && (size_t)(colon - text) > prefix->len && base64_decode(&json, bytes_of(colon + 1)))
        token = json_loadb(json.data ? json.data : "", json.len, 0, NULL);
    if (token)
        text_add(id, text + prefix->len, (size_t)(colon - text) - prefix->len);
    text_deinit(&json);
    return token;
}

static int save(struct cli *c, const char *namespace, const char *id, const json_t *token)
{
    struct text prefix = TEXT_INIT, content = TEXT_INIT, others = TEXT_INIT, ours = TEXT_INIT;
    char *json = json_text_of(token, 0);
    int code = json ? our_prefix(c, namespace, &prefix) : cli_no_memory();
    if (code == CLI_OK)
        code = tokens_read(c, &content);
    if (code == CLI_OK) {
        split(&content, &prefix, &others, &ours);
        text_printf(&others, "%s%s:", text_string(&prefix), id);
        base64_encode(&others, bytes_of(json));
        text_char(&others, '\n');
        code = text_ok(&others) ? tokens_write(c, &others) : cli_fail(CLI_TIMEOUT, "out of memory");
    }
    free(json);
    text_deinit(&prefix);
    text_deinit(&content);
    text_deinit(&others);
    text_deinit(&ours);
    return code;
}

int cli_token_save(struct cli *c, const char *id, json_t *token)
{
    return save(c, c->namespace, id, token);
}

static int forget(struct cli *c, const struct text *prefix, bool *any)
{
    struct text content = TEXT_INIT, others = TEXT_INIT, ours = TEXT_INIT;
    int code = tokens_read(c, &content);
    *any = false;
    if (code == CLI_OK) {
        split(&content, prefix, &others, &ours);
        *any = ours.len > 0;
        if (*any)
            code = text_ok(&others) ? tokens_write(c, &others) : cli_fail(CLI_TIMEOUT, "out of memory");
    }
    text_deinit(&content);
    text_deinit(&others);
    text_deinit(&ours);
    return code;
}

int cli_token_forget(struct cli *c, bool *any)
{
    struct text prefix = TEXT_INIT;
    *any = false;
    int code = our_prefix(c, c->namespace, &prefix);
    if (code == CLI_OK)
        code = forget(c, &prefix, any);
    text_deinit(&prefix);
    return code;
}

int cli_token_forget_all(struct cli *c, const char *login)
{
    struct text prefix = TEXT_INIT;
    bool any;
    text_printf(&prefix, "micro://%s/", login);
    int code = text_ok(&prefix) ? forget(c, &prefix, &any) : cli_no_memory();
    text_deinit(&prefix);
    return code;
}

/* The login for the namespace; without one, the login for "micro", whose administrators may see to every namespace.
 * NULL with CLI_OK: there is none. */
static json_t *find_login(struct cli *c, struct text *id, const char **namespace, int *code)
{
    const char *const tried[] = {c->namespace, MICRO_NAMESPACE};
    struct text content = TEXT_INIT;
    json_t *token = NULL;
    *code = tokens_read(c, &content);
    for (size_t i = 0; *code == CLI_OK && !token && i < sizeof tried / sizeof tried[0]; i++) {
        struct text prefix = TEXT_INIT, others = TEXT_INIT, ours = TEXT_INIT;
        *namespace = tried[i];
        *code = our_prefix(c, tried[i], &prefix);
        if (*code == CLI_OK)
            split(&content, &prefix, &others, &ours);
        if (*code == CLI_OK && ours.len > 0)
            token = parse_line(&ours, &prefix, id);
        text_deinit(&prefix);
        text_deinit(&others);
        text_deinit(&ours);
    }
    text_deinit(&content);
    return token;
}

int cli_token_id(struct cli *c, struct text *out)
{
    const char *namespace;
    int code;
    json_decref(find_login(c, out, &namespace, &code));
    return code;
}

/* ---- the one to call with ---- */

static json_t *refresh(struct cli *c, const char *namespace, const char *refresh_token)
{
    json_t *request = json_pack("{ss s{ss}}", "refresh_token", refresh_token, "options", "namespace", namespace),
           *reply = NULL;
    char *json = request ? json_text_of(request, 0) : NULL;
    const struct cli_call call = {.service = "auth",
                                  .endpoint = "Auth.Token",
                                  .json = json,
                                  .anonymous = true,
                                  .quiet = true,
                                  .timeout = 10 * SECOND};
    if (json)
        (void)cli_call_value(c, &call, &reply);
    json_t *token = json_incref(json_object_get(reply, "token"));
    json_decref(reply);
    json_decref(request);
    free(json);
    return token;
}

int cli_token(struct cli *c, struct text *out)
{
    struct text id = TEXT_INIT;
    const char *namespace;
    int code;
    if (c->token) {
        text_puts(out, c->token);
        return CLI_OK;
    }
    json_t *token = find_login(c, &id, &namespace, &code);
    if (token) {
        const char *renew = json_string_value(json_object_get(token, "refresh_token"));
        int64_t left = cli_integer(token, "expiry") - world_wall(c->world) / SECOND;
        if (left < REFRESH_EARLY && renew && renew[0]) {
            json_t *fresh = refresh(c, namespace, renew);
            if (fresh) {
                code = save(c, namespace, text_string(&id), fresh);
                json_decref(token);
                token = fresh;
                left = REFRESH_EARLY;
            }
        }
        const char *access = json_string_value(json_object_get(token, "access_token"));
        if (access && left > 0)
            text_puts(out, access);
        else if (code == CLI_OK)
            code =
                cli_fail(CLI_UNAUTHORIZED, "the login of %s has expired; log in again: micro login", text_string(&id));
        json_decref(token);
    }
    text_deinit(&id);
    return code;
}
