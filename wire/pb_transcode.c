/* A line in, a line out, for tests written in other languages:
 *
 *     json TYPE HEX-OF-WIRE [FLAGS]   ->  ok HEX-OF-JSON  |  error MESSAGE
 *     wire TYPE HEX-OF-JSON [FLAGS]   ->  ok HEX-OF-WIRE  |  error MESSAGE
 *     scan TYPE HEX-OF-WIRE           ->  ok HEX-OF-REPACKED  |  error MESSAGE
 *
 * Types are those of the test protos. FLAGS is enum pb_json_flags in decimal. */
#include "wire/pb.h"
#include "wire/testdata/set.h"

#include <stdio.h>
#include <stdlib.h>

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool unhex(const char *hex, struct text *out)
{
    for (; digit(hex[0]) >= 0 && digit(hex[1]) >= 0; hex += 2)
        text_char(out, (char)(digit(hex[0]) << 4 | digit(hex[1])));
    return *hex == '\0' && text_ok(out);
}

static int repack(const struct pb_type *type, struct bytes wire, struct text *out, struct error *err)
{
    ProtobufCMessage *m;
    int rc = pb_unpack(type->descriptor, wire, NULL, &m, err);
    if (!rc)
        rc = pb_pack(m, out);
    if (m)
        protobuf_c_message_free_unpacked(m, NULL);
    return rc;
}

static void answer(const struct pb_pool *pool, char *line)
{
    char *save = NULL;
    const char *op = strtok_r(line, " \n", &save), *name = strtok_r(NULL, " \n", &save);
    const char *hex = strtok_r(NULL, " \n", &save), *flag_word = strtok_r(NULL, " \n", &save);
    struct text in = TEXT_INIT, out = TEXT_INIT;
    struct error err = ERROR_INIT;
    const struct pb_type *type = name ? pb_find_type(pool, name) : NULL;
    int flags = flag_word ? (int)strtol(flag_word, NULL, 10) : 0, rc = ERROR_INVALID;
    /* "-" stands for no bytes. */
    if (!op || !type || !hex || (strcmp(hex, "-") != 0 && !unhex(hex, &in)))
        error_set(&err, ERROR_INVALID, "bad request");
    else if (strcmp(op, "json") == 0)
        rc = pb_wire_to_json(type, text_bytes(&in), flags, &out, &err);
    else if (strcmp(op, "wire") == 0)
        rc = pb_json_to_wire(type, text_bytes(&in), flags, &out, &err);
    else if (strcmp(op, "scan") == 0)
        rc = repack(type, text_bytes(&in), &out, &err);
    if (rc) {
        struct text message = TEXT_INIT;
        error_format(&err, &message);
        printf("error %s\n", text_string(&message));
        text_deinit(&message);
    } else {
        fputs("ok ", stdout);
        for (size_t i = 0; i < out.len; i++)
            printf("%02x", (unsigned)(uint8_t)out.data[i]);
        putchar('\n');
    }
    error_clear(&err);
    text_deinit(&in);
    text_deinit(&out);
}

int main(void)
{
    struct pb_pool *pool;
    struct error err = ERROR_INIT;
    if (pb_pool_new(test_set(), "test set", &pool, &err)) {
        fprintf(stderr, "%s\n", err.message);
        error_clear(&err);
        return 1;
    }
    char *line = NULL;
    size_t size = 0;
    while (getline(&line, &size, stdin) > 0) {
        answer(pool, line);
        fflush(stdout); /* the asker waits for it */
    }
    free(line);
    pb_pool_free(pool);
    return 0;
}
