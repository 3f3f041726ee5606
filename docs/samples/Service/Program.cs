// Three tuned models in one service: a classifier of support requests, sentence vectors, and a chat over server-sent events.
// dotnet run --project docs/samples/Service --configuration Release -- [--urls http://localhost:5080] [--Models:Classifier DIR] [--Models:Chat DIR]
// curl localhost:5080/classify -H 'Content-Type: application/json' -d '{"text": "I was charged twice"}'
// curl -N localhost:5080/chat -H 'Content-Type: application/json' -d '{"messages": [{"role": "user", "content": "When are you open?"}]}'
await Service.ServiceApp.Create(args).RunAsync();
