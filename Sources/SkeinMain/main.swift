import CPlatform
import SkeinCommands

// Before there is a second thread: each has an arena of its own by its first allocation.
skein_return_large_blocks()
await SkeinCommand.start()
