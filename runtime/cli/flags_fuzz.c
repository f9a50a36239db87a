/* A schema as a registry may tell it (the first line, JSON) and words of a command line (the other lines). Whatever
 * comes out is an object whose every leaf went in as a flag, or an error with words. */
#include "runtime/cli/flags.h"

#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look(void *arg, const char *name, const char *type)
{
    int *count = arg;
    if (!name[0] || strlen(name) > FLAGS_NAME_MAX || !type || ++*count > FLAGS_MAX)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    const char *words[WORDS_MAX];
    int argc = 0, count = 0;
    struct error err = ERROR_INIT;
    if (!text)
        return 0;
    if (size)
        memcpy(text, data, size);
    text[size] = '\0';
    char *line = strchr(text, '\n');
    if (line)
        *line++ = '\0';
    json_t *schema = json_loads(text, 0, NULL), *got = NULL;
    while (line && argc < WORDS_MAX) {
        char *next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        words[argc++] = line;
        line = next;
    }
    int rc = flags_request(schema, argc, words, &got, &err);
    if (rc == 0 ? !json_is_object(got) : got != NULL || !err.message || !err.message[0])
        abort();
    if (rc == 0) { /* the request can be written and read again */
        char *json = json_dumps(got, JSON_COMPACT);
        json_t *again = json ? json_loads(json, 0, NULL) : NULL;
        if (!json || !again)
            abort();
        json_decref(again);
        free(json);
    }
    flags_each(schema, look, &count);
    json_decref(got);
    json_decref(schema);
    error_clear(&err);
    free(text);
    return 0;
}
