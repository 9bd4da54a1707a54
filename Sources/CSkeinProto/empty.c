#include "skein_proto.h"
