/* `doubles`: the command `harrow fakes` as a program of its own, without the rest of the harness: it starts faster and
 * takes less memory, which is what counts where many of them run. */
#include "harrow/commands.h"
#include "harrow/run/run.h"
#include "world/foreign.h"

int main(int argc, char **argv)
{
    world_take_streams();
    struct command root = command_fakes;
    root.name = "doubles";
    int exit_code = command_main(&root, argc, argv, NULL);
    command_cleanup();
    return harrow_leave(exit_code);
}
