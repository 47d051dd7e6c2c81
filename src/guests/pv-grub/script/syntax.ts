/** What a grub.cfg is made of, once it is parsed. */

export type Part =
  | { readonly kind: "text"; readonly text: string; readonly quoted: boolean }
  /** $name, ${name}, $1, $#, $@, $*, $? */
  | { readonly kind: "variable"; readonly name: string; readonly quoted: boolean };

export type Word = readonly Part[];

export interface Block {
  readonly commands: readonly Command[];
  /** The text between the braces. */
  readonly source: string;
}

export type Argument = { readonly word: Word } | { readonly block: Block };

export type Command =
  | { readonly kind: "simple"; readonly arguments: readonly Argument[] }
  | {
      readonly kind: "if";
      readonly branches: readonly { readonly test: readonly Command[]; readonly body: readonly Command[] }[];
      readonly otherwise: readonly Command[];
    }
  | {
      readonly kind: "for";
      readonly name: string;
      readonly words: readonly Word[];
      readonly body: readonly Command[];
    }
  | {
      readonly kind: "while";
      /** `until`: the loop goes on while the test fails. */
      readonly until: boolean;
      readonly test: readonly Command[];
      readonly body: readonly Command[];
    }
  | { readonly kind: "function"; readonly name: string; readonly body: readonly Command[] }
  /** What could not be understood, from here to the end of its line. */
  | { readonly kind: "fault"; readonly line: number; readonly why: string };
