import SkeinCommands

await SkeinCommand.start()
