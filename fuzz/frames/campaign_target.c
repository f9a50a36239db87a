/* The program harrow_campaign() makes of frames in memory, for whichever engine the build is of. */
#include "fuzz/frames/target.h"

const struct fuzz_target fuzz_target = FRAMES_TARGET;
