/* Who we are logged in as. <home>/tokens, mode 600, has a line for each login:
 *     micro://<address of auth>/<namespace>/<id>:<base64 of the token's JSON>
 * The last line for an address and a namespace is the current one. */
#include "runtime/cli/cli.h"

#include "base/units.h"
#include "runtime/service/base64.h"
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

/* "micro://127.0.0.1:8010/micro/": what our lines begin with. */
static int our_prefix(struct cli *c, struct text *out)
{
    struct text address = TEXT_INIT;
    int code = cli_address(c, "auth", &address);
    if (code == CLI_OK)
        text_printf(out, "micro://%s/%s/", text_string(&address), c->namespace);
    text_deinit(&address);
    return code;
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

int cli_token_save(struct cli *c, const char *id, json_t *token)
{
    struct text prefix = TEXT_INIT, content = TEXT_INIT, others = TEXT_INIT, ours = TEXT_INIT;
    char *json = json_dumps(token, JSON_COMPACT);
    int code = json ? our_prefix(c, &prefix) : cli_fail(CLI_TIMEOUT, "out of memory");
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

int cli_token_forget(struct cli *c, bool *any)
{
    struct text prefix = TEXT_INIT, content = TEXT_INIT, others = TEXT_INIT, ours = TEXT_INIT;
    int code = our_prefix(c, &prefix);
    *any = false;
    if (code == CLI_OK)
        code = tokens_read(c, &content);
    if (code == CLI_OK) {
        split(&content, &prefix, &others, &ours);
        *any = ours.len > 0;
        if (*any)
            code = text_ok(&others) ? tokens_write(c, &others) : cli_fail(CLI_TIMEOUT, "out of memory");
    }
    text_deinit(&prefix);
    text_deinit(&content);
    text_deinit(&others);
    text_deinit(&ours);
    return code;
}

/* ---- the one to call with ---- */

struct answer {
    json_t *value;
};

static void take(void *arg, struct bytes json)
{
    struct answer *a = arg;
    if (!a->value)
        a->value = json_loadb((const char *)json.data, json.len, 0, NULL);
}

/* proto3 JSON writes 64-bit integers as text. */
static int64_t integer_member(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_string(value) ? strtoll(json_string_value(value), NULL, 10) : json_integer_value(value);
}

static json_t *refresh(struct cli *c, const char *refresh_token)
{
    struct answer got = {0};
    json_t *request = json_pack("{ss}", "refresh_token", refresh_token);
    char *json = request ? json_dumps(request, JSON_COMPACT) : NULL;
    const struct cli_call call = {.service = "auth",
                                  .endpoint = "Auth.Token",
                                  .json = json,
                                  .anonymous = true,
                                  .quiet = true,
                                  .timeout = 10 * SECOND,
                                  .message = take,
                                  .arg = &got};
    int code = json ? cli_call(c, &call, NULL) : CLI_TIMEOUT;
    json_t *token = code == CLI_OK ? json_incref(json_object_get(got.value, "token")) : NULL;
    json_decref(got.value);
    json_decref(request);
    free(json);
    return token;
}

int cli_token(struct cli *c, struct text *out)
{
    struct text prefix = TEXT_INIT, content = TEXT_INIT, others = TEXT_INIT, ours = TEXT_INIT, id = TEXT_INIT;
    if (c->token) {
        text_puts(out, c->token);
        return CLI_OK;
    }
    int code = our_prefix(c, &prefix);
    if (code == CLI_OK)
        code = tokens_read(c, &content);
    if (code == CLI_OK)
        split(&content, &prefix, &others, &ours);
    json_t *token = ours.len ? parse_line(&ours, &prefix, &id) : NULL;
    if (token) {
        const char *renew = json_string_value(json_object_get(token, "refresh_token"));
        int64_t left = integer_member(token, "expiry") - world_wall(c->world) / SECOND;
        if (left < REFRESH_EARLY && renew && renew[0]) {
            json_t *fresh = refresh(c, renew);
            if (fresh) {
                code = cli_token_save(c, text_string(&id), fresh);
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
    text_deinit(&prefix);
    text_deinit(&content);
    text_deinit(&others);
    text_deinit(&ours);
    text_deinit(&id);
    return code;
}
