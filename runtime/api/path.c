#include "runtime/api/path.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define PARTS_MAX 32

struct part {
    const char *at;
    size_t len;
};

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The path's parts, cleaned. */
static int split(const char *path, struct part parts[PARTS_MAX], size_t *count, struct error *err)
{
    *count = 0;
    for (const char *p = path; *p;) {
        size_t len = strcspn(p, "/");
        bool dot = len == 1 && p[0] == '.', up = len == 2 && p[0] == '.' && p[1] == '.';
        if (up && *count > 0) {
            (*count)--;
        } else if (len > 0 && !dot && !up) {
            if (*count == PARTS_MAX)
                return error_set(err, ERROR_INVALID, "the path has more than %d parts", PARTS_MAX);
            parts[(*count)++] = (struct part){p, len};
        }
        p += len + (p[len] == '/');
    }
    return 0;
}

/* Letters, digits, "-", "_" and "."; begins with a letter or digit. */
static int check(struct part part, const char *path, struct error *err)
{
    for (size_t i = 0; i < part.len; i++) {
        char c = part.at[i];
        if (is_letter(c) || is_digit(c) || (i > 0 && (c == '-' || c == '_' || c == '.')))
            continue;
        return error_set(err, ERROR_INVALID, "character %zu of the path cannot be part of a name",
                         (size_t)(part.at + i - path) + 1);
    }
    return 0;
}

static bool is_version(struct part part)
{
    if (part.len < 2 || part.at[0] != 'v')
        return false;
    for (size_t i = 1; i < part.len; i++) {
        if (!is_digit(part.at[i]))
            return false;
    }
    return true;
}

static bool append(char out[API_NAME_MAX], const char *data, size_t len)
{
    size_t at = strlen(out);
    if (at + len >= API_NAME_MAX)
        return false;
    memcpy(out + at, data, len);
    out[at + len] = '\0';
    return true;
}

/* The part as a name of a type or method. False: too long, or nothing is left of it. */
static bool append_camel(char out[API_NAME_MAX], struct part part)
{
    size_t from = 0;
    for (size_t i = 0; i < part.len; i++) {
        if (part.at[i] == '.')
            from = i + 1;
    }
    bool first = true, any = false;
    for (size_t i = from; i < part.len; i++) {
        char c = part.at[i];
        if (c == '-') {
            first = true;
            continue;
        }
        if (first && c >= 'a' && c <= 'z')
            c = (char)(c - 'a' + 'A');
        if (!any && !is_letter(c))
            return false;
        first = false;
        any = true;
        if (!append(out, &c, 1))
            return false;
    }
    return any;
}

int api_path_parse(const char *path, struct api_target *out, struct error *err)
{
    struct part parts[PARTS_MAX];
    size_t count;
    out->service[0] = out->endpoint[0] = '\0';
    int rc = split(path, parts, &count, err);
    if (rc < 0)
        return rc;
    if (count == 0)
        return error_set(err, ERROR_NOT_FOUND, "the path names no service");
    for (size_t i = 0; i < count; i++) {
        rc = check(parts[i], path, err);
        if (rc < 0)
            return rc;
    }
    size_t service_parts = count <= 2 ? 1 : count == 3 && is_version(parts[0]) ? 2 : count - 2;
    bool ok = true;
    for (size_t i = 0; ok && i < service_parts; i++)
        ok = (i == 0 || append(out->service, ".", 1)) && append(out->service, parts[i].at, parts[i].len);
    if (ok && out->service[strlen(out->service) - 1] == '.')
        return error_set(err, ERROR_INVALID, "the service's name ends in a dot");
    ok = ok && append_camel(out->endpoint, parts[count == 1 ? 0 : count - 2]) && append(out->endpoint, ".", 1) &&
         (count == 1 ? append(out->endpoint, "Call", 4) : append_camel(out->endpoint, parts[count - 1]));
    if (!ok)
        return error_set(err, ERROR_INVALID, "the path names no endpoint, or is too long");
    return 0;
}

static bool is_web_name(struct part part)
{
    for (size_t i = 0; i < part.len; i++) {
        char c = part.at[i];
        bool hyphen = c == '-' && i > 0 && i + 1 < part.len && part.at[i - 1] != '-';
        if (!is_letter(c) && !is_digit(c) && !hyphen)
            return false;
    }
    return part.len > 0;
}

int api_path_web(const char *path, struct api_target *out, struct error *err)
{
    struct part parts[PARTS_MAX];
    size_t count = 0;
    out->service[0] = out->endpoint[0] = '\0';
    /* What follows the service's name is the service's own business, however long. */
    for (const char *p = path; *p && count < 2;) {
        size_t len = strcspn(p, "/");
        if (len > 0)
            parts[count++] = (struct part){p, len};
        p += len + (p[len] == '/');
    }
    if (count == 0)
        return error_set(err, ERROR_NOT_FOUND, "the path names no service");
    bool versioned = count == 2 && is_version(parts[0]);
    for (size_t i = 0; i < (versioned ? 2u : 1u); i++) {
        if (!is_web_name(parts[i]) || (i > 0 && !append(out->service, ".", 1)) ||
            !append(out->service, parts[i].at, parts[i].len))
            return error_set(err, ERROR_INVALID, "the path's part %zu is no name of a service", i + 1);
    }
    return 0;
}

void api_path_grpc(const struct api_target *target, char out[API_GRPC_MAX])
{
    const char *dot = strchr(target->endpoint, '.');
    int type = dot ? (int)(dot - target->endpoint) : (int)strlen(target->endpoint);
    snprintf(out, API_GRPC_MAX, "/%s.%.*s/%s", target->service, type, target->endpoint, dot ? dot + 1 : "");
}
