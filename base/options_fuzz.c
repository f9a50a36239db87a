/* Any bytes as a command line, words ending in NUL: parsing must either succeed or say why. */
#include "base/options_test_tree.h"

#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char program[] = "prog";
    char *argv[WORDS_MAX + 2] = {program};
    int argc = 1;
    char *copy = malloc(size + 1);
    if (!copy)
        return 0;
    if (size)
        memcpy(copy, data, size);
    copy[size] = '\0';
    for (char *word = copy; word < copy + size && argc <= WORDS_MAX; word += strlen(word) + 1)
        argv[argc++] = word;

    const struct command *found = NULL;
    struct arguments args = {0};
    struct error e = ERROR_INIT;
    bool help = false;
    int code = command_parse(&tree_root, argc, argv, &found, &args, &help, &e);
    if (code != e.code || (code && !e.message) || !found)
        abort();
    if (!code && !help) {
        struct arguments ran = args;
        if (!found->run || found->run(&ran) != 0 || got.ran != args.argc + 1)
            abort();
        if (found == &tree_children[0] && (got.count < 1 || got.count > 10 || got.budget < 0))
            abort();
        for (int i = 0; i < args.argc; i++)
            if (args.argv[i] < copy || args.argv[i] > copy + size)
                abort();
    }
    error_clear(&e);
    command_cleanup();
    free(copy);
    return 0;
}
