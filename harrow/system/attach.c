#include "harrow/system/attach.h"

#include "base/json_text.h"
#include "base/words.h"
#include "harrow/run/command_line.h"
#include "harrow/run/run.h"
#include "wire/grpc.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define READY_WITHIN "5s" /* of an address; a manifest says its own */
#define PORT_MAX     65535

struct attach_options attach;

const char *attach_address(const char *text, bool *tls)
{
    static const struct {
        const char *scheme;
        bool tls;
    } schemes[] = {{"grpc://", false}, {"grpcs://", true}};
    *tls = false;
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++)
        if (strncmp(text, schemes[i].scheme, strlen(schemes[i].scheme)) == 0) {
            *tls = schemes[i].tls;
            text += strlen(schemes[i].scheme);
        }
    if (strncmp(text, "unix:", 5) == 0)
        return text[5] != '\0' ? text : NULL;
    const char *colon = strrchr(text, ':');
    bool port = colon != NULL && colon > text && colon[1] != '\0' &&
                colon[1 + strspn(colon + 1, "0123456789")] == '\0' && strtol(colon + 1, NULL, 10) <= PORT_MAX;
    return port && strchr(text, '/') == NULL ? text : NULL;
}

bool attach_is_http(const char *text)
{
    return strncmp(text, "http://", 7) == 0 || strncmp(text, "https://", 8) == 0;
}

bool attach_is_address(const char *text)
{
    bool tls;
    return attach_is_http(text) || strncmp(text, "grpc://", 7) == 0 || strncmp(text, "grpcs://", 8) == 0 ||
           attach_address(text, &tls) != NULL;
}

bool attach_chosen(const char *manifest)
{
    return strcmp(common.driver, "attach") == 0 || attach_is_address(manifest);
}

bool attach_refuses(const char *command, const char *manifest, const char *why)
{
    if (!attach_chosen(manifest))
        return false;
    fprintf(stderr, "harrow: %s: not of an attached system: %s; --driver processes or sim starts one\n", command, why);
    return true;
}

int attach_manifest(const char *address, struct manifest **out, struct error *err)
{
    bool tls, http = attach_is_http(address);
    const char *door = http ? strstr(address, "://") + 3 : attach_address(address, &tls);
    if (door == NULL || door[0] == '\0')
        return error_set(err, ERROR_INVALID,
                         "%s: an address is grpc://HOST:PORT, grpcs://HOST:PORT, HOST:PORT, or http://HOST:PORT",
                         address);
    if (!http && strncmp(door, "unix:", 5) != 0 && strchr(door, '@') != NULL)
        return error_set(err, ERROR_INVALID,
                         "...%s: an address of a gRPC server has no name and password before its host; what the server "
                         "wants is sent with --metadata",
                         strrchr(door, '@'));
    struct text shown = TEXT_INIT; /* what it is called wherever it is named */
    command_line_address(address, &shown);
    if (!text_ok(&shown)) {
        text_deinit(&shown);
        return error_set(err, ERROR_MEMORY, "out of memory");
    }
    json_t *tree =
        json_pack("{s:s, s:s, s:s*, s:[{s:s, s:s}]}", "system", http ? strstr(text_string(&shown), "://") + 3 : door,
                  "ready_within", READY_WITHIN, "gateway", http ? address : NULL, "components", "name", "server",
                  http ? "http" : "address", address);
    char *dumped = tree != NULL ? json_text_of(tree, 0) : NULL;
    int code = dumped != NULL ? manifest_parse_json(bytes_of(dumped), text_string(&shown), out, err)
               : tree == NULL ? error_set(err, ERROR_INVALID, "%s: an address is text", address)
                              : error_set(err, ERROR_MEMORY, "out of memory");
    if (code == 0)
        (*out)->address = true;
    json_decref(tree);
    free(dumped);
    text_deinit(&shown);
    return code;
}

static void list_words(struct text *line, const char *name, const struct option_list *list, bool shown)
{
    for (size_t i = 0; i < list->count; i++) {
        words_add(line, name);
        if (shown)
            command_line_add(line, name, list->items[i]);
        else
            words_add(line, list->items[i]);
    }
}

void attach_words(struct text *line, bool shown)
{
    if (attach.descriptors != NULL) {
        words_add(line, "--descriptors");
        words_add(line, attach.descriptors);
    }
    list_words(line, "--proto", &attach.protos, shown);
    list_words(line, "--proto-path", &attach.proto_paths, shown);
    list_words(line, "--metadata", &attach.metadata, shown);
    if (attach.ca != NULL) {
        words_add(line, "--ca");
        words_add(line, attach.ca);
    }
    if (attach.insecure)
        words_add(line, "--insecure");
}

int attach_metadata_parse(const char *text, const struct manifest_values *values, struct arena *arena,
                          const char **name, const char **value, struct error *err)
{
    const char *colon = strchr(text, ':');
    size_t len = colon != NULL ? (size_t)(colon - text) : 0;
    if (len == 0)
        return error_set(err, ERROR_INVALID, "metadata \"%s\" is not NAME:VALUE", text);
    char *lower = arena_string_n(arena, text, len);
    if (lower == NULL)
        return error_set(err, ERROR_MEMORY, "out of memory");
    for (char *c = lower; *c != '\0'; c++)
        *c = (char)tolower((unsigned char)*c);
    if (lower[strspn(lower, "abcdefghijklmnopqrstuvwxyz0123456789-_.")] != '\0' || strncmp(lower, "grpc-", 5) == 0)
        return error_set(err, ERROR_INVALID,
                         "metadata \"%s\": a name is made of letters, digits, \"-\", \"_\" and \".\", and does not "
                         "begin with \"grpc-\"",
                         lower);
    *name = lower;
    for (colon++; *colon == ' ';)
        colon++;
    int code = manifest_expand(colon, values, arena, value, err);
    if (code != 0)
        return error_wrap(err, "metadata \"%s\"", lower);
    for (const char *c = *value; *c != '\0'; c++)
        if ((unsigned char)*c < ' ' || (unsigned char)*c > '~')
            return error_set(err, ERROR_INVALID, "metadata \"%s\": the value holds what is no printable ASCII", lower);
    return 0;
}
