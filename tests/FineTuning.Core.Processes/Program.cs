using System.Globalization;
using FineTuning;
using FineTuning.Examples;
using FineTuning.Heads;
using FineTuning.Processes;

// FineTuning.Core.Processes SCENARIO CHECKPOINT: does one thing that used to end a process with a signal, and ends with 0 where all went well.
// FineTuning.Core.Processes repeat COUNT CHECKPOINT [SCENARIO ..]: starts each scenario, or those, so often, in processes of their own.
if (args is ["repeat", { } count, { } folder, .. { } only]) return Repetition.Run(int.Parse(count, CultureInfo.InvariantCulture), folder, only);
// FineTuning.Core.Processes kill-test COUNT CHECKPOINT [SEED]: kills a training process so often; its run ends with the bits of the run that nobody killed.
if (args is ["kill-test", { } kills, { } model]) return KillTest.Run(int.Parse(kills, CultureInfo.InvariantCulture), model, 1);
if (args is ["kill-test", { } more, { } other, { } seed])
    return KillTest.Run(int.Parse(more, CultureInfo.InvariantCulture), other, int.Parse(seed, CultureInfo.InvariantCulture));
if (args is ["kill-worker", { } run, { } into]) return KillWorker.Run(run, into);
// FineTuning.Core.Processes encoding-kills COUNT CHECKPOINT [SEED]: kills a process so often while it encodes rows into a file; the next run learns the same bits.
if (args is ["encoding-kills", { } times, { } tokenizer, .. { } drawn])
    return EncodingKillTest.Run(int.Parse(times, CultureInfo.InvariantCulture), tokenizer, drawn is [{ } first] ? int.Parse(first, CultureInfo.InvariantCulture) : 1);
if (args is ["encoding-worker", { } decoder, { } rows, { } data]) return EncodingWorker.Run(decoder, rows, int.Parse(data, CultureInfo.InvariantCulture));
// FineTuning.Core.Processes address-space COUNT CHECKPOINT [MEGABYTES ..]: runs with so little address space left, COUNT processes each.
// FineTuning.Core.Processes address-space-predictions COUNT CHECKPOINT [MEGABYTES ..]: predictions outside a run, in the same way.
if (args is [AddressSpaceTest.Training or AddressSpaceTest.Predictions, { } processes, { } classifier, .. { } rooms])
    return AddressSpaceTest.Run(args[0], int.Parse(processes, CultureInfo.InvariantCulture), classifier, [.. rooms.Select(size => int.Parse(size, CultureInfo.InvariantCulture))]);
if (args is ["address-space-worker", { } work, { } made, { } room]) return AddressSpaceWorker.Run(work, made, int.Parse(room, CultureInfo.InvariantCulture));
// FineTuning.Core.Processes own-task: the sample of docs/custom-task.md as the first code of a process.
if (args is ["own-task"]) return OwnTask.Run();
if (args is not [{ } name, { } checkpoint] || !Scenarios.All.TryGetValue(name, out Func<TextClassifier<string>, int>? scenario))
{
    await Console.Error.WriteLineAsync($"the arguments are a scenario ({string.Join(", ", Scenarios.All.Keys)}) and a checkpoint of a classifier, or: repeat COUNT CHECKPOINT [SCENARIO ..]");
    return 64;
}
return scenario(Pretrained.TextClassifier<string>(checkpoint));
