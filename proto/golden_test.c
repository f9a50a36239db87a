/* Our contracts are wire compatible with Micro's: every method, field and enum value of micro.golden is there, with its
 * name, number and type. */
#include "proto/services.h"
#include "proto/set.h"

#include "base/text.h"
#include "wire/pb.h"

#include "base/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINES_AT_LEAST 2000 /* so that a file cut short is noticed */

__asm__(".section .rodata\n"
        "golden_begin_:\n"
        ".incbin \"" GOLDEN_FILE "\"\n"
        "golden_end_:\n"
        ".byte 0\n"
        ".previous\n");
extern const char golden_begin_[], golden_end_[];

struct golden {
    const struct pb_pool *pools[2];
    const struct pb_type *type; /* whose fields follow */
    const struct pb_enum *enumeration;
    int line, wrong, held;
};

__attribute__((format(printf, 2, 3))) static void wrong(struct golden *g, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "proto/micro.golden:%d: ", g->line);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    g->wrong++;
}

static const char *last_part(const char *full_name)
{
    const char *dot = strrchr(full_name, '.');
    return dot != NULL ? dot + 1 : full_name;
}

static void put_type(const struct pb_field *f, struct text *out)
{
    static const char *const words[] = {
        [PB_DOUBLE] = "double",     [PB_FLOAT] = "float",     [PB_INT64] = "int64",     [PB_UINT64] = "uint64",
        [PB_INT32] = "int32",       [PB_FIXED64] = "fixed64", [PB_FIXED32] = "fixed32", [PB_BOOL] = "bool",
        [PB_STRING] = "string",     [PB_BYTES] = "bytes",     [PB_UINT32] = "uint32",   [PB_SFIXED32] = "sfixed32",
        [PB_SFIXED64] = "sfixed64", [PB_SINT32] = "sint32",   [PB_SINT64] = "sint64",   [PB_MESSAGE] = "message",
        [PB_ENUM] = "enumeration"};
    if (f->map) {
        text_puts(out, "map<");
        put_type(&f->message->fields[0], out);
        text_char(out, ',');
        put_type(&f->message->fields[1], out);
        text_char(out, '>');
        return;
    }
    text_printf(out, "%s%s", f->repeated ? "repeated " : "",
                f->kind == PB_MESSAGE ? last_part(f->message->full_name)
                : f->kind == PB_ENUM  ? last_part(f->enumeration->full_name)
                                      : words[f->kind]);
}

/* "package.Service/Method Request Response", each of the two perhaps a stream. */
static void hold_method(struct golden *g, const char *line)
{
    size_t len = strcspn(line, " ");
    struct text path = TEXT_INIT, types = TEXT_INIT;
    const struct pb_method *m = NULL;
    text_printf(&path, "/%.*s", (int)len, line);
    for (size_t i = 0; i < 2 && m == NULL; i++)
        m = pb_find_method(g->pools[i], text_string(&path), false);
    if (m == NULL) {
        wrong(g, "there is no method %s", text_string(&path));
    } else {
        text_printf(&types, " %s%s %s%s", m->client_streaming ? "stream " : "", last_part(m->input->full_name),
                    m->server_streaming ? "stream " : "", last_part(m->output->full_name));
        if (strcmp(line + len, text_string(&types)) != 0)
            wrong(g, "%s is%s", text_string(&path), text_string(&types));
    }
    text_deinit(&path);
    text_deinit(&types);
}

/* "number name type" of the message, "number name" of the enum that was named last. */
static void hold_member(struct golden *g, const char *line)
{
    char *rest;
    long number = strtol(line, &rest, 10);
    struct text ours = TEXT_INIT;
    text_printf(&ours, "%ld", number);
    if (g->type != NULL) {
        for (size_t i = 0; i < g->type->field_count; i++)
            if (g->type->fields[i].number == (uint32_t)number) {
                text_printf(&ours, " %s ", g->type->fields[i].name);
                put_type(&g->type->fields[i], &ours);
            }
        if (strcmp(line, text_string(&ours)) != 0)
            wrong(g, "%s: \"%s\" here is \"%s\" in ours", g->type->full_name, line, text_string(&ours));
    } else if (g->enumeration != NULL) {
        bool there = false;
        for (size_t i = 0; i < g->enumeration->value_count; i++)
            there = there || (g->enumeration->values[i].number == (int32_t)number &&
                              strcmp(g->enumeration->values[i].name, rest + 1) == 0);
        if (!there)
            wrong(g, "%s has no \"%s\"", g->enumeration->full_name, line);
    }
    text_deinit(&ours);
}

static void hold_line(struct golden *g, const char *line)
{
    g->line++;
    if (*line == '#' || *line == '\0')
        return;
    g->held++;
    if (strncmp(line, "  ", 2) == 0) {
        hold_member(g, line + 2);
        return;
    }
    g->type = NULL;
    g->enumeration = NULL;
    if (strncmp(line, "rpc ", 4) == 0) {
        hold_method(g, line + 4);
    } else if (strncmp(line, "message ", 8) == 0) {
        for (size_t i = 0; i < 2 && g->type == NULL; i++)
            g->type = pb_find_type(g->pools[i], line + 8);
        if (g->type == NULL)
            wrong(g, "there is no %s", line);
    } else if (strncmp(line, "enum ", 5) == 0) {
        for (size_t i = 0; i < 2 && g->enumeration == NULL; i++)
            g->enumeration = pb_find_enum(g->pools[i], line + 5);
        if (g->enumeration == NULL)
            wrong(g, "there is no %s", line);
    } else {
        wrong(g, "\"%s\" is no line of such a file", line);
    }
}

static void hold_text(struct golden *g, struct bytes all)
{
    for (size_t at = 0; at < all.len;) {
        const uint8_t *end = memchr(all.data + at, '\n', all.len - at);
        size_t len = end != NULL ? (size_t)(end - all.data) - at : all.len - at;
        char *line = strndup((const char *)all.data + at, len);
        assert_non_null(line);
        hold_line(g, line);
        free(line);
        at += len + 1;
    }
}

static void every_contract_is_compatible(void **state)
{
    (void)state;
    struct pb_pool *platform, *services;
    assert_int_equal(pb_pool_new(proto_set(), "set", &platform, NULL), 0);
    assert_int_equal(pb_pool_new(proto_services_set(), "services", &services, NULL), 0);
    struct golden g = {.pools = {platform, services}};
    hold_text(&g, BYTES(golden_begin_, (size_t)(golden_end_ - golden_begin_)));
    assert_int_equal(g.wrong, 0);
    assert_true(g.held >= LINES_AT_LEAST);
    pb_pool_free(platform);
    pb_pool_free(services);
}

/* What is not so is noticed, line by line. */
static void differences_are_noticed(void **state)
{
    static const char bad[] = "rpc store.Store/Reed ReadRequest ReadResponse\nrpc store.Store/Read ReadRequest stream "
                              "ReadResponse\nmessage store.Nothing\nmessage store.Record\n  1 key bytes\n  1 name "
                              "string\n  99 key string\nenum auth.Access\n  9 GRANTED\nnonsense\n";
    (void)state;
    struct pb_pool *platform, *services;
    assert_int_equal(pb_pool_new(proto_set(), "set", &platform, NULL), 0);
    assert_int_equal(pb_pool_new(proto_services_set(), "services", &services, NULL), 0);
    struct golden g = {.pools = {platform, services}};
    fputs("(these are meant)\n", stderr);
    hold_text(&g, bytes_of(bad));
    assert_int_equal(g.wrong, 8);
    pb_pool_free(platform);
    pb_pool_free(services);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_contract_is_compatible),
        cmocka_unit_test(differences_are_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
